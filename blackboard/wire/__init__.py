"""The wire protocol: messages, codec, connection state machine and schema export.

Nothing in this package opens a socket, reads a clock or starts a task; the server and the client do.
"""

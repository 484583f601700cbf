"""The pure heart: the vocabulary of the board, and the functions that decide and apply.

Nothing in this package waits, reads a clock, draws randomness or touches the outside world.
"""

"""The files of the web page: static, of web standards only, served by `blackboard.server.http`."""

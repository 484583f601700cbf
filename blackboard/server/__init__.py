"""The server: sockets, timers and storage around the engine, straight lines without decisions."""

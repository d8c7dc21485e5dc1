"""The process that a command runs in: its streams, and how Ctrl-C ends it."""

"""The command line: one module a command, everything heavy imported when it is needed."""

"""The command line: options, their checks, what is printed."""

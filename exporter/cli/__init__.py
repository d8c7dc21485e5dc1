"""The commands of `bertport`, one file each: `HELP`, `add_arguments`, and `run`, which returns the exit code.

All of them are imported when the command line starts, so what is slow to import is imported where it is used.
"""

"""The commands of `bertport`, one file each: `EXAMPLES`, `add_arguments`, and `run`, which returns the exit code.

Each is imported when it is asked for, and what of it help has no use for where it is used.
"""

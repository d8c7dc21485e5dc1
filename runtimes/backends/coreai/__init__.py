"""Core AI assets: Apple's own runtime, whose reference for the CPU runs on Linux, in a child process."""

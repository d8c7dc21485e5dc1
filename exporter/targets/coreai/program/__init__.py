"""A Core AI program as data, and the child process that builds, saves and lists one with Apple's package."""

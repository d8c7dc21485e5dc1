"""The bundle format: its manifest, reading it, and whether its files are intact."""

"""The version of bertport."""

__version__ = "0.1.0"

"""Checkpoint in, bundle out: small BERTs for phones."""

__version__ = "0.1.0"

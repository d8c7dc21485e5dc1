"""Audits of a saved Core ML package, without running it."""

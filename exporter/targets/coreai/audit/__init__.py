"""Audits of a saved Core AI asset, without running it."""

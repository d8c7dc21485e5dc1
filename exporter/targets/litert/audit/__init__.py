"""Audits of a saved LiteRT model, without running it."""

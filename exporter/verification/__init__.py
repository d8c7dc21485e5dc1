"""Comparing an exported model with PyTorch, and auditing what its bundle says."""

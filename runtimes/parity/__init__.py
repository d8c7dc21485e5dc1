"""Comparing two models' outputs: the cases, the comparison, and the verdict."""

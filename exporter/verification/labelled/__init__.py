"""Labelled rows: the metric of a task, of a bundle and of PyTorch over the same rows."""

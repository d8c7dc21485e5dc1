"""Measuring size, start, latency and memory of models, in child processes."""

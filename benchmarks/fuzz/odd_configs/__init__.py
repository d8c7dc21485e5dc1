"""Odd config.json files: drawn from what transformers knows, and judged one by one."""

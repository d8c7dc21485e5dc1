"""The PyTorch side of a comparison: the cases, the model in a subprocess, and golden.json."""

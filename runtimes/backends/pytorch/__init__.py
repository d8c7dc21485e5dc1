"""PyTorch and transformers: the reference, in this process or in a subprocess."""

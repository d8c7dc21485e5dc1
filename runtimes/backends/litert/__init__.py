"""LiteRT: the real interpreter, with its XNNPACK kernels, on this processor."""

"""ONNX Runtime, on this processor or on one that qemu emulates."""

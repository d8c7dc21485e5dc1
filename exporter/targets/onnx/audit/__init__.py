"""Audits of a saved ONNX model, without running it."""

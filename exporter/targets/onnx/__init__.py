"""ONNX: writes, inspects and audits `model.onnx`."""

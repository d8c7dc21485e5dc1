"""The LiteRT target: `model.tflite`, written from `Ops` with flatbuffers alone."""

"""MediaPipe's text tasks: metadata, vocabulary and labels in a .tflite file, and what its tokenizer makes of texts."""

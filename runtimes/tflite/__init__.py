"""The .tflite file format: its numbers, a model as dataclasses, and a reader that believes no offset."""

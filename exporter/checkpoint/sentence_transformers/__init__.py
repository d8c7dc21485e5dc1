"""The files that sentence-transformers keeps beside a model, read and written."""

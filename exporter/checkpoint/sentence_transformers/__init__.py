"""Read and write the files that sentence-transformers keeps beside a model."""

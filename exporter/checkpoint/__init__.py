"""Read a Hugging Face checkpoint: weights, config, tokenizer, adapters, sentence-transformers files."""

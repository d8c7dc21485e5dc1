"""The app kits of the demo against Hugging Face's tokenizers."""

"""A model repository of the Hugging Face Hub made of bundles, and its upload."""

"""The tokenizer of a checkpoint: read, checked, and carried into the bundle."""

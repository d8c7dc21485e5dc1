"""The tokenizer of a checkpoint: read it, check it, and write its files into the bundle."""

"""Audits of a saved bundle: what each of its files says, held against the checkpoint that it was made from."""

"""The supported model families, one file each, and the registry that finds them by `model_type`."""

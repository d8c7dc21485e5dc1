"""The model families, one file each; `registry` lists them."""

"""The export targets, one folder each; `registry` lists them."""

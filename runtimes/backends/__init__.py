"""The runtimes that run a bundle, one folder each."""

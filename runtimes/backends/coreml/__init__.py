"""Core ML packages: Apple's runtime on a Mac, the interpreter of `runtimes.mil` elsewhere."""

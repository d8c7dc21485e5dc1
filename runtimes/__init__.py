"""Bundle in, numbers out: runtimes, parity and measurement."""

"""Core AI's asset format: a folder's files, MLIR bytecode, and a reader that believes no length and no index."""

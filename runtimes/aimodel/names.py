"""What a Core AI asset and its files are called."""

ASSET = "Model.aimodel"
"""The folder of an asset in a bundle."""
SUFFIX = ".aimodel"
PROGRAM, HASH, METADATA = "main.mlirb", "main.hash", "metadata.json"
"""The program as MLIR bytecode, the SHA-256 of its bytes, and what is said of it."""
FILES = frozenset((PROGRAM, HASH, METADATA))
MAIN = "main"
"""The function of an asset of one length; one of several has `runtimes.bundle.reading.function_of` each."""

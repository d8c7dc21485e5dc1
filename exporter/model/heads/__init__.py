"""Task heads, written once over `Ops`."""

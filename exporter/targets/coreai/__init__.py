"""Core AI: writes, inspects and audits `.aimodel` folders."""

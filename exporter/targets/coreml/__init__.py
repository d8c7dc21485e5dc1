"""Core ML: writes, inspects and audits `.mlpackage` folders."""

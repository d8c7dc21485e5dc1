"""Targets: one file each, that spells `encoder.ops.Ops` in its own terms."""

"""Checkpoints to measure with: trained, seeded, or of a published geometry."""

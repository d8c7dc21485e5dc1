"""What the audits of all targets share: findings, tallies, and the rounding allowed for each form of storage."""

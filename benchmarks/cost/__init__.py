"""Time and memory of exports, audits and predictions."""

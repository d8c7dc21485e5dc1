"""What `bertport check` needs: its file, its baseline, and the verdicts on every bundle."""

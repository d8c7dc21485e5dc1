"""Labelled data in, figures out: rows of a file → what two models say to them → metrics side by side."""

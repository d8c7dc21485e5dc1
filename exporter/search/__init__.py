"""`bertport tune`: the smallest bundle within a given loss of accuracy."""

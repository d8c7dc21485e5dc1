"""BERT, written once over `Ops`: geometry, weights, exact folding, encoder and heads."""

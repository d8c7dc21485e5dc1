"""How far a bundle's answers are from PyTorch's, and what that costs in accuracy."""

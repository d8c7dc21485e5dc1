"""BERT-style encoders and their task heads, written once over the operations (`Ops`) that each target implements."""

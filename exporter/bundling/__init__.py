"""The files of a bundle besides the model: manifest, model card, bill of materials; and the folder they appear in."""

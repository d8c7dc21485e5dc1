"""Reading a config.json: what decides an answer by a strict schema, the rest harmless or left out."""

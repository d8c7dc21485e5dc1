"""Read a config.json: a strict schema for what decides the outputs; the rest is kept where harmless, else dropped."""

"""Tables and records made from what other modules and tools have measured."""

"""The records that commands write: their types, their JSON Schemas, reading and writing."""

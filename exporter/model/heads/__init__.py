"""The heads of each task, written once over `Ops`."""

"""Hostile files for every reader: made from honest ones by seeded mutation, each read in a process that may die."""

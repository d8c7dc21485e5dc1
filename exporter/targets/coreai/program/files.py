"""The files through which `writing` hands a recorded program to `building_child`, and gets what is built."""

CONSTANTS, GRAPHS, BUILT = "constants.bin", "program.json", "built.aimodel"

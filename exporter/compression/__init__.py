"""Making weights smaller: integers, palettes, codebooks, and what each is calibrated on."""

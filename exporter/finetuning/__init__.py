"""Training the codes of a product-quantized word table against the float32 model."""

"""Where tensors come from, and who wrote to them."""

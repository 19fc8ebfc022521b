"""How a call of torch's Python API is written down: its name, its arguments, one spelling for many."""

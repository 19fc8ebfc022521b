"""Models and Python values as frozen data."""

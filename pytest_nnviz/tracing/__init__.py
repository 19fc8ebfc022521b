"""Tracing: the only part that imports torch."""

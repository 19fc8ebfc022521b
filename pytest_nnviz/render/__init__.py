"""Pictures: an Architecture or a Drift as SVG, PNG or DOT."""

"""Candidates become hits: patches, colours, and the score that weighs them."""

"""Building and changing an index folder: stages, chunks, resume."""

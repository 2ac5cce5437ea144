"""Making networks better: material to learn from, and (extra `train`) the learning itself."""

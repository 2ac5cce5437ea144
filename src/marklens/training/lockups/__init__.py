"""Lock-ups made from real symbols and real fonts: marks whose every pixel of text is known."""

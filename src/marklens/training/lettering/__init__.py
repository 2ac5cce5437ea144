"""Train the small network that tells letters from figures (extra `train`)."""

"""Words to sounds to similarity: what a trademark says, and which other marks sound like it."""

"""From descriptors to candidates: vector stores, and the catalog of the marks they stand for."""

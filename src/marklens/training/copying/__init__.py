"""Imitate how marks are copied: families of changes that leave a mark recognisable to a person."""

"""Vienna codes for a mark that has none yet, from those of its neighbours."""

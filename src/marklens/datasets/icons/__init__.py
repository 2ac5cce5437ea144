"""Icon packs of npm's @iconify/json as a dataset with brands that several hands drew."""

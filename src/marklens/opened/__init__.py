"""An opened index as programs and notebooks use it: ask, look at the hits, take them along."""

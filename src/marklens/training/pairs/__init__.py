"""Pairs of pictures that ought to be alike: views packed once, positives of four kinds, batches."""

"""HTML pages with pictures: one file each, nothing loaded from anywhere, no script."""

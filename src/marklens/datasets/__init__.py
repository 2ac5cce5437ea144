"""Where marks come from: L3D folders, folders of pictures, manifests, icon packs and synthetic data."""

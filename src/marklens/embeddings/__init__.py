"""From views to descriptors: the network by ONNX Runtime, then PCA with whitening."""

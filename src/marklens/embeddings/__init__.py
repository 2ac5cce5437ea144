"""From views to descriptors: the network by ONNX Runtime, then the reduction."""

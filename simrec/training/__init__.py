"""What learns: networks, losses, data, trainer, teachers, ONNX export. TensorFlow is here alone."""

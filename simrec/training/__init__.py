"""What learns: networks, losses, data, the trainer, teachers, ONNX export. TensorFlow lives here alone."""

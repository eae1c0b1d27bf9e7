"""Text to vectors: tokenizer, networks, training, runtime and embedding cache."""

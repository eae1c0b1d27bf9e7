"""Words: TF-IDF, term vectors, and the vocabulary that names terms."""

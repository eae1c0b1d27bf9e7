"""Words: TF-IDF weights, the weighted terms of a text, and the vocabulary that names terms."""

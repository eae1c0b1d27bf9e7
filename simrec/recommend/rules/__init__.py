"""Ranking rules: what of the candidates is listed, and in which order."""

"""Vectors to neighbours: exact and approximate search, and the neighbour graph."""

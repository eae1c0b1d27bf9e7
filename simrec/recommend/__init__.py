"""Neighbours to tables, and the recommender that answers from them."""

"""Sources of articles: one module for each kind."""

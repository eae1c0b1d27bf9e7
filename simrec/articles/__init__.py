"""What comes in: articles and accounts, their sources, cleaning and store."""

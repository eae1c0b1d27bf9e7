"""The tables of a release: their schema, the writers of SQLite and Parquet, and one diff."""

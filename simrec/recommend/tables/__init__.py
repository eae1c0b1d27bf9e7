"""The tables of a release: their schema as data, and SQLite, Parquet and differences written from it."""

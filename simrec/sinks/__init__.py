"""Where a release goes: its tables as files in a folder, or in a database."""

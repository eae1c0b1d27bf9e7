"""Related articles and related accounts, every night, on one ordinary machine."""

__version__ = "0.1.0"

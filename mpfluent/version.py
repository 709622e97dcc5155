"""The version, written in one place."""

__version__ = "0.1.0"

"""The version of the package; files and reports carry it."""

__version__ = "0.1.0"

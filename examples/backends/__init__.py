"""Backends, and how to check one: README.md."""

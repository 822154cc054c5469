"""Bytes without mathematics: containers, checksums, journals, and one module per file format."""

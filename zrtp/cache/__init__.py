"""Retained secrets: what two installations remember about each other between calls (RFC 6189 section 4.9)."""

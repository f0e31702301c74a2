"""Octets to frozen messages and back (RFC 6189 section 5); knows neither keys nor states."""

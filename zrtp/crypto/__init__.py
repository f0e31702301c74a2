"""Algorithms by their four-letter names (RFC 6189 section 5.1): bytes in, bytes out, no protocol.

`zrtp.crypto.registry` is the way in.
"""

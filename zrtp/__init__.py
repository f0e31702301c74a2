"""ZRTP (RFC 6189): end-to-end key agreement for voice calls over the media path."""

__version__ = "0.1.0"

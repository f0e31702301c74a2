"""Stores of retained secrets beside those of `zrtp.cache`: a database that many hosts share.

They are caches as `zrtp.cache.interface` describes them. Loading this package loads no database.
"""

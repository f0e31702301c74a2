"""Stores of retained secrets beside those of `zrtp.cache`: a database for many hosts, and secrets sealed at rest.

They are caches as `zrtp.cache.interface` describes them. Loading this package loads no database.
"""

"""How two people behind home routers find each other: a code or a line to tell, ICE, and port mapping.

No terminal here. Servers help with addresses and never get a key; see docs/reach.md.
"""

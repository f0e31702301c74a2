"""Between a phone without ZRTP and the network: two media paths back to back, and the signalling that leads there."""

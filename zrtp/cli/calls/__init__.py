"""The course of a call, from the socket to the last word."""

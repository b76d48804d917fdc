"""Recordings with their labels, and the windows cut from them."""

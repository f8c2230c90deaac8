"""Engines with a traversal of their own: how an op is cut into blocks, and what a block takes."""

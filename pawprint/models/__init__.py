"""Build the architectures: one file for each, with its network and its recipe."""

"""One file an architecture: its network, and the values it was measured with."""

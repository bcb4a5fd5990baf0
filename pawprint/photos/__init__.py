"""Where photos come from: sources, transfer, archives, labels, and drawn photos. Never imports TensorFlow."""

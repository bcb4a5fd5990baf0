"""Photos made ready for a network: decode, choose, split, shards on disk, and their reader. Without TensorFlow."""

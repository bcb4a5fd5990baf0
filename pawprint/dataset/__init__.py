"""Prepare photos for a network: decode, choose, split, write shards and read them. Without TensorFlow."""

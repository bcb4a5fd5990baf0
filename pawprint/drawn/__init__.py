"""Draw photos of cats and dogs, for use when no real photos are available."""

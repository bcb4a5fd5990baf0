"""Turn a `source` into the `photos/` artifact: the photos, their origin, and their labels."""

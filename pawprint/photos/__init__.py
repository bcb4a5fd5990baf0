"""From a `source` to the `photos/` artifact: which photos there are, where they came from, with their labels."""

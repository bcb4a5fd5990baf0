"""Tables, index files and exports beside the photos, each turned into rows that name photos."""

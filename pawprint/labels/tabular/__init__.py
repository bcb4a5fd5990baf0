"""Read tables, index files and exports beside the photos as rows that name photos."""

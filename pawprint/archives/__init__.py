"""Archives from strangers: list, check and read zips and tars within limits; pack folders and tars into zips."""

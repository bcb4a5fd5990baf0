"""Files from strangers: zips and tars listed, judged and read within bounds, folders and tars packed into zips."""

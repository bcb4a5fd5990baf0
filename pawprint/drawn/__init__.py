"""Photos that the program draws itself, cats and dogs, for where none can be had."""

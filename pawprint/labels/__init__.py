"""The class and the split of each photo, read from folders, file names and tables; every possible reading weighed."""

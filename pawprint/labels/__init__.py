"""The class and the split of each photo, read from folders, file names and tables; picks the best reading."""

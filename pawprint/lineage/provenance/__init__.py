"""The chain behind a result, read back from the runs: proved, made again, compared, and told to people and programs."""

"""The command line of the steps: options and their help, errors on one line, and the log of the console."""

"""What a person types and reads in the terminal: options and their help, errors in one line, the console's log."""

"""What every room may use: errors, the cache folder, files, room on the disk, secrets, the machine. Knows no photos."""

"""What every room may use: errors, the cache folder, files, disk space, secrets, the machine; nothing about photos."""

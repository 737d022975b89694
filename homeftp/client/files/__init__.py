"""Local files: scanning, reading, and writing downloads."""

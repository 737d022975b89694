"""The pairs of folders in `sync.toml`, and keeping all of them in step in one process."""

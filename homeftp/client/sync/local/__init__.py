"""The local folder of a sync, besides reading and writing its files: renaming, keeping versions, its marker."""

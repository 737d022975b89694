"""What a sync does in the local folder besides reading and writing files: renaming, keeping versions, its marker."""

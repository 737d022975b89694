"""The properties of WebDAV: those that the server knows, and those that it only keeps."""

"""WebDAV, classes 1 and 2 (RFC 4918), below `/dav/`: the methods, and the locks and properties that only it has."""

"""The locks of WebDAV: which there are, what a request says about them, and what it is told."""

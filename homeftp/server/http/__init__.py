"""The HTTPS front end: an engine on h11, with WebDAV, the web page and what belongs to it behind one router."""

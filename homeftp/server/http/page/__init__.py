"""The web page: its files, the JSON API that it asks, and uploads by tus. WebDAV's verbs do the rest."""

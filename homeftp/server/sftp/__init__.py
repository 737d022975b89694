"""SFTP as a front end of the server: SSH below, version 3 of the SSH File Transfer Protocol above it."""

"""The disk of the local store: safe root, metadata directory, fsync, errno to refusal, quota usage."""

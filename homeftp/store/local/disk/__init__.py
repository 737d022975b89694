"""The disk of the local backend: the safe root, our own folder, fsync, errno to refusal, the quota's sum."""

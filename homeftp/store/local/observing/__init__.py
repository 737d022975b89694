"""Notices what other programs change in the shared folder, by inotify(7)."""

"""Who may come in: passwords, the portal and its avatars. No wire, no files of the share."""

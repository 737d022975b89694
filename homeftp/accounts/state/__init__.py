"""Where accounts, devices and invitations are stored: the contract of an engine, and SQLite as the default."""

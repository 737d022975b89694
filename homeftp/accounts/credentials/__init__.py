"""How the other kinds of devices log in: app passwords, SSH keys and web sessions. Certificates are one level up."""

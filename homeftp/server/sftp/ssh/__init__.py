"""SSH as far as SFTP needs it: Conch exchanges keys; packets, logins and channels are our own."""

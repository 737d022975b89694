"""Keys, certificates, TLS and the pairing exchange."""

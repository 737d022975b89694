"""What every front end shares: connection caps, revocation."""

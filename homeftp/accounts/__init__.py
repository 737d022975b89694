"""Who may come in: accounts and their passwords, kept in the state folder, and the portal that checks them."""

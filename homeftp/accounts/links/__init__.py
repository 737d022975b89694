"""Share links: their table, what an account may do with its own, and how a person who has one is logged in."""

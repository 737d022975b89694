"""Commands for people on the other machines."""

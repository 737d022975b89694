"""Accounts, devices and invitations in the state folder, and the login service that checks them; no protocol."""

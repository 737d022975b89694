"""Commands about what was on a server before: versions, and files and folders put back."""

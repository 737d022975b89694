"""The store of a server: opened and closed with it, read again, and watched for changes by other programs."""

"""homeftp: a file server for the home, and its client, built on Twisted.

Nothing is imported here, so that `homeftp --help` and `twistd --help` stay
quick. The way in for each reader: `homeftp.client` for programs that use a
server, `homeftp.interfaces` and `homeftp.testing` for authors of dispatchers,
`docs/architecture` for the code itself.
"""

__version__ = "0.1.0"

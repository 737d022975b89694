"""The same as backup.py, for programs that use Twisted.

python backup_twisted.py nas Photos Photos
"""

import sys

from twisted.internet.task import react

from homeftp.client import open_remote


async def main(reactor, name, folder, path):
    """Send, compare, and print the result."""
    async with open_remote(name, reactor=reactor, notify=print) as server:
        sent = await server.upload(folder, path)
        compared = await server.compare(folder, path)
    print(f"{sent.bytes_moved} bytes sent. Both copies are the same: {compared.same}")


react(main, sys.argv[1:])

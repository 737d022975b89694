"""Add a line to a file on the server, although others may add lines at the same time.

python add_line.py tcp:nas.local:8421 ca.crt alice "milk" < password
"""

import hashlib
import sys
from pathlib import Path

from twisted.internet.task import react

from homeftp.client import connect
from homeftp.errors import Changed, NotFound


async def add_line(client, endpoint, line):
    """Read the file, and replace it if it is still what was read."""
    while True:
        try:
            download = await client.get(endpoint)
            text = await download.read_all(limit=1_000_000)
        except NotFound:
            text, precondition = b"", "absent"
        else:
            precondition = "sha256:" + hashlib.sha256(text).hexdigest()
        try:
            return await client.push(endpoint, text + line.encode() + b"\n", if_hash=precondition)
        except Changed:
            pass  # another client was faster: read it again


async def main(reactor, address, ca, user, password, line):
    """Connect, add the line, and close the connection."""
    client = await connect(reactor, address, ca=ca, username=user, password=password)
    entry = await add_line(client, "shopping.txt", line)
    print(f"shopping.txt has {entry.size} bytes now")
    await client.close()


address, ca_file, user, line = sys.argv[1:]
react(main, [address, Path(ca_file).read_bytes(), user, sys.stdin.readline().rstrip("\n"), line])

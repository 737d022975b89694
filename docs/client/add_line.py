"""Add a line to a file on the server, although others may be adding theirs.

python add_line.py tcp:nas.local:8421 ca.crt alice "milk" < password
"""

import hashlib
import sys
from pathlib import Path

from twisted.internet.task import react

from homeftp.client import connect
from homeftp.errors import Changed, NotFound


async def add_line(client, endpoint, line):
    """Read the file, and replace it by a longer one on condition that it is still what was read."""
    while True:
        try:
            download = await client.get(endpoint)
            text = await download.read_all(limit=1_000_000)
        except NotFound:
            text, seen = b"", "absent"
        else:
            seen = "sha256:" + hashlib.sha256(text).hexdigest()
        try:
            return await client.push(endpoint, text + line.encode() + b"\n", if_hash=seen)
        except Changed:
            pass  # somebody was faster: read it again


async def main(reactor, where, ca, user, password, line):
    """Connect, add the line, and hang up."""
    client = await connect(reactor, where, ca=ca, username=user, password=password)
    entry = await add_line(client, "shopping.txt", line)
    print(f"shopping.txt has {entry.size} bytes now")
    await client.close()


where, ca_file, user, line = sys.argv[1:]
react(main, [where, Path(ca_file).read_bytes(), user, sys.stdin.readline().rstrip("\n"), line])

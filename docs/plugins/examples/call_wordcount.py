"""Ask a server's WORDCOUNT with the client library.

python3 call_wordcount.py HOST:PORT CA_FILE USER ENDPOINT < PASSWORD_FILE
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from homeftp.client import connect, parse_address


async def words(reactor: Any, address: str, ca: bytes, user: str, password: str, endpoint: str) -> int:
    client = await connect(reactor, parse_address(address), ca=ca, username=user, password=password)
    try:
        answer = await client.request("WORDCOUNT", {"rel_endpoint": endpoint}).last()
        return int(answer.body["words"])
    finally:
        await client.close()


if __name__ == "__main__":
    address, ca_file, user, endpoint = sys.argv[1:]
    ca = Path(ca_file).read_bytes()
    password = sys.stdin.readline().rstrip("\n")

    def main(reactor: Any) -> Deferred[None]:
        counting = Deferred.fromCoroutine(words(reactor, address, ca, user, password, endpoint))
        return counting.addCallback(print)

    react(main)

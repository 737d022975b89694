"""Fetch a file or folder within a time, and show how far it is.

python fetch.py nas Photos Photos-2 60
"""

import asyncio
import sys

from homeftp.client import TransferObserver, aio


async def main(name, path, target, seconds):
    """Fetch; after so many seconds give up."""
    observer = TransferObserver(on_bytes=lambda size: print(f"{size} bytes more"))
    async with aio.open_remote(name) as server:
        try:
            await asyncio.wait_for(server.download(path, target, observer=observer), float(seconds))
        except asyncio.TimeoutError:
            sys.exit("The time is up. Each file at the target is complete; run this again to fetch the rest.")


asyncio.run(main(*sys.argv[1:]))

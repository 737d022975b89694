"""Send a folder to a server that this machine is paired with, and check that both copies are the same.

python backup.py nas Photos Photos
"""

import asyncio
import sys

from homeftp.client import ConnectionFailed, TransferIncomplete, aio
from homeftp.errors import OperatorError, Refusal, UntrustedServer


async def main(name, folder, path):
    """Send, compare, and print the result."""
    async with aio.open_remote(name, notify=print) as server:
        sent = await server.upload(folder, path)
        compared = await server.compare(folder, path)
    print(f"{sent.bytes_moved} bytes sent. Both copies are the same: {compared.same}")


try:
    asyncio.run(main(*sys.argv[1:]))
except TransferIncomplete as incomplete:
    for problem in incomplete.summary.problems:
        print(problem.outcome.value, problem.name, problem.reason)
    sys.exit(1)
except (ConnectionFailed, OperatorError, Refusal, UntrustedServer) as reason:
    sys.exit(f"Not sent: {reason}")

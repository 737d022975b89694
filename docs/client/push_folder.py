"""Send a folder to a server, and reconnect when the connection is lost.

python push_folder.py tcp:nas.local:8421 ca.crt alice photos < password
"""

import sys
from pathlib import Path

from twisted.internet.task import react

from homeftp.client import Reconnector, TransferContext, TransferObserver, TransferOptions, connect, push
from homeftp.syscalls import System
from homeftp.workers import ThreadWorkers


async def main(reactor, address, ca, user, password, folder):
    """Connect, send the folder, and print the result of each file."""
    reconnector = Reconnector(
        reactor, lambda: connect(reactor, address, ca=ca, username=user, password=password), notify=print
    )
    client = await reconnector.connect()
    workers = ThreadWorkers(reactor, size=4, queue=1024, name="files")
    workers.start()
    context = TransferContext(workers, System(), reconnector=reconnector)
    observer = TransferObserver(on_result=lambda result: print(result.outcome.value, result.name or "."))
    try:
        await push(client, context, [folder], Path(folder).name, TransferOptions(recursive=True), observer)
    finally:
        workers.stop()
        await reconnector.close()
    print(f"{observer.bytes_moved} bytes sent")


address, ca_file, user, folder = sys.argv[1:]
react(main, [address, Path(ca_file).read_bytes(), user, sys.stdin.readline().rstrip("\n"), folder])

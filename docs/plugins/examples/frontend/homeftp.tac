"""A server with one more front end: `PYTHONPATH=. twistd -ny homeftp.tac`."""

import os

from frontend_line import LineFrontEnd
from twisted.application.service import Application
from twisted.internet import reactor

from homeftp.config import Settings
from homeftp.server.service import HomeFTPService

settings = Settings(
    root=os.environ["HOMEFTP_ROOT"],
    state=os.environ["HOMEFTP_STATE"],
    listen=("tcp:8421:interface=127.0.0.1",),
    announce=False,
)
application = Application("homeftp")
HomeFTPService(settings, reactor, front_ends=[LineFrontEnd("tcp:8423:interface=127.0.0.1")]).setServiceParent(application)

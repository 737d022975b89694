"""What makes `twistd homeftp` and `twist homeftp` work."""

from twisted.application.service import ServiceMaker

homeftp = ServiceMaker(
    "homeftp",
    "homeftp.tap",
    "A file server for the home: GET, CMP and PUSH over TLS.",
    "homeftp",
)

"""The numbers of version 3 of the SSH File Transfer Protocol, by the names of draft-ietf-secsh-filexfer-02."""

from __future__ import annotations

import enum

VERSION = 3
"""The version that almost all clients speak; OpenSSH speaks no other."""

MAX_PACKET = 256 * 1024
"""Bytes of a packet without its length, at most: OpenSSH's SFTP_MAX_MSG_LENGTH."""

MAX_READ = MAX_PACKET - 1024
"""Bytes that one READ is answered with, at most, as in OpenSSH; a client that asked for more asks again."""


class PacketType(enum.IntEnum):
    """The type of a packet."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class StatusCode(enum.IntEnum):
    """The code of a STATUS."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    OP_UNSUPPORTED = 8


class OpenFlag:
    """How a file is opened: bits of a number. (`enum.IntFlag` takes a microsecond for each `&`.)"""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREATE = 0x08
    TRUNCATE = 0x10
    EXCLUSIVE = 0x20


ALL_FLAGS = 0x3F
"""The flags of version 3."""


class AttributeFlag:
    """Which attributes are given: bits of a number."""

    SIZE = 0x00000001
    OWNER = 0x00000002
    PERMISSIONS = 0x00000004
    TIMES = 0x00000008
    EXTENDED = 0x80000000

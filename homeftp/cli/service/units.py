"""Makes the text of the systemd unit for one server, or for a sync. systemd.py writes and installs it."""

from __future__ import annotations

import os
from typing import Mapping, Sequence

import attrs

from homeftp.errors import OperatorError

_HOMES = ("/home", "/root", "/run/user")
"""The folders that ProtectHome hides (systemd.exec(5))."""

_USER_UNIT = """\
[Unit]
Description=homeftp, a file server for the home

[Service]
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
UMask=0077
Restart=on-failure
TimeoutStopSec=15
LimitNOFILE=8192
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""

_SYSTEM_UNIT = """\
[Unit]
Description=homeftp, a file server for the home
After=network.target
RequiresMountsFor={mounts}

[Service]
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
User={user}
Group={group}
UMask=0077
RuntimeDirectory=homeftp
RuntimeDirectoryMode=0700
Restart=on-failure
TimeoutStopSec=15
LimitNOFILE=8192

# The server needs the shared folder, its state folder and its sockets; nothing else.
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome={home}
PrivateTmp={tmp}
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown setpriority
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""

_SYNC_UNIT = """\
[Unit]
Description=homeftp sync, which keeps folders in step with a server

[Service]
ExecStart={command}
{environment}\
Restart=on-failure
RestartSec=60
SuccessExitStatus=130
TimeoutStopSec=15

# What a user's manager can restrict without a namespace, which not every system lets users create.
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""


@attrs.frozen(kw_only=True)
class ServedFolder:
    """The server that the unit runs."""

    program: Sequence[str]
    """The command for homeftp, with an absolute path."""
    arguments: Sequence[str]
    """The arguments of `homeftp serve`."""
    root: str
    """The folder to share, or a URL."""
    state: str
    user: str = ""
    """For a unit of the system: its user and group."""
    group: str = ""

    @property
    def command(self) -> str:
        """The value of ExecStart."""
        return " ".join(map(quoted, (*self.program, "serve", *self.arguments)))


def user_unit(server: ServedFolder) -> str:
    """A unit of the user's own manager: it runs with the user's rights, and needs no root to be installed."""
    return _USER_UNIT.format(command=server.command)


def system_unit(server: ServedFolder) -> str:
    """A unit of the system, confined to the shared folder and the state folder, wherever they are."""
    if not server.user or server.user == "root":
        raise OperatorError(
            "a service of the system must not run as root. Name its user with --run-as USER, and give it the shared "
            "folder and the state folder with chown."
        )
    folders = [each for each in (server.root, server.state) if os.path.isabs(each)]
    used = [*folders, *(each for each in server.program if os.path.isabs(each))]
    in_home = any(_is_beneath(os.path.realpath(path), _HOMES) for path in used)
    in_tmp = any(_is_beneath(os.path.realpath(path), ("/tmp", "/var/tmp")) for path in used)
    return _SYSTEM_UNIT.format(
        command=server.command,
        user=server.user,
        group=server.group,
        mounts=" ".join(map(quoted, folders)),
        writable=" ".join(map(quoted, folders)),
        # read-only: what must be written in a home is in ReadWritePaths
        home="read-only" if in_home else "yes",
        tmp="no" if in_tmp else "yes",
    )


def sync_unit(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """A unit of the user's own manager that runs a sync with these environment variables.

    systemd.exec(5) says which restrictions need no namespace. It runs again a minute after it has failed.
    """
    # in Environment= a dollar sign has no meaning
    given = [quoted(f"{name}={value}").replace("$$", "$") for name, value in variables.items()]
    environment = "".join(f"Environment={each}\n" for each in given)
    return _SYNC_UNIT.format(command=" ".join(map(quoted, command)), environment=environment)


def quoted(word: str) -> str:
    """A word as a unit file has it (systemd.service(5), "Command lines"). Raises `OperatorError` for a line break."""
    if "\n" in word or "\r" in word:
        raise OperatorError(f"{word!a} cannot be in a systemd unit: it has a line break")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if escaped == word and word and not set(" \t';") & set(word) else f'"{escaped}"'


def _is_beneath(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)

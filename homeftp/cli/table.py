"""The table of subcommands: all that is known of one before it is imported."""

from __future__ import annotations

import importlib
from typing import Any, Mapping, NamedTuple


class Command(NamedTuple):
    """A subcommand that may not be imported yet."""

    module: str
    summary: str
    raw: bool = False
    """Whether the subcommand parses its arguments itself; it gets them as `options.arguments`."""
    hidden: bool = False
    """Whether only other programs call it, such as a shell that completes a path."""
    own_h: bool = False
    """Whether -h is an option of its own, as ls(1) and du(1) have it; then only --help prints the help."""
    joined_h: bool = False
    """Whether -h behind or before other letters is that of rsync's -avh, and changes nothing; alone it is the help."""

    def load(self) -> Any:
        """Import its module."""
        return importlib.import_module(self.module)


COMMANDS: Mapping[str, Command] = {
    "serve": Command("homeftp.cli.owner.serve", "Share a folder: run the server in the foreground.", raw=True),
    "invite": Command("homeftp.cli.owner.invite", "Print a pairing code for one device, and wait until it is used."),
    "device": Command(
        "homeftp.cli.owner.device", "Add, list, narrow, rename and revoke the devices of this machine's server."
    ),
    "cert": Command("homeftp.cli.owner.cert", "Print or write the certificate authority that browsers need."),
    "state": Command("homeftp.cli.owner.state", "Back up and restore the state of this machine's server."),
    "account": Command(
        "homeftp.cli.owner.account", "Add, list, change and remove the accounts of this machine's server."
    ),
    "grant": Command("homeftp.cli.owner.grant", "Restrict an account's rights in one folder."),
    "service": Command(
        "homeftp.cli.service.command", "Install or remove the service of this machine's server, or of its sync."
    ),
    "cluster": Command(
        "homeftp.cli.clusters.command", "Make and check the database and the bucket of servers that share them."
    ),
    "log": Command("homeftp.cli.owner.log", "Show who did what on this machine's server."),
    "status": Command(
        "homeftp.cli.status.command",
        "Show the status of this machine's server and its synced folders, and whether known servers can be reached.",
    ),
    "discover": Command("homeftp.cli.commands.discover", "List the servers that announce themselves on this network."),
    "pair": Command(
        "homeftp.cli.commands.pair", "Pair this machine with a server, using a code from `homeftp invite`."
    ),
    "remote": Command("homeftp.cli.commands.remote", "Add, list, change and remove the servers this machine knows."),
    "get": Command(
        "homeftp.cli.commands.get", "Download files from a server, except those already the same.", joined_h=True
    ),
    "push": Command(
        "homeftp.cli.commands.push", "Upload files to a server, except those already the same.", joined_h=True
    ),
    "cmp": Command("homeftp.cli.commands.cmp", "Compare files on this machine with files on a server.", joined_h=True),
    "sync": Command(
        "homeftp.cli.commands.sync",
        "Keep a folder on this machine and one on a server the same, in both directions.",
        joined_h=True,
    ),
    "clone": Command(
        "homeftp.cli.commands.clone",
        "Download a folder of a server, and remember the two as a pair for `homeftp sync`.",
        joined_h=True,
    ),
    "ls": Command("homeftp.cli.commands.files.ls", "List files on a server.", own_h=True),
    "du": Command("homeftp.cli.commands.files.du", "Print how much the folders of a server hold.", own_h=True),
    "cat": Command("homeftp.cli.commands.files.cat", "Print files of a server on standard output."),
    "mkdir": Command("homeftp.cli.commands.files.mkdir", "Make folders on a server."),
    "mv": Command("homeftp.cli.commands.files.mv", "Move and rename files and folders on a server."),
    "rm": Command("homeftp.cli.commands.files.rm", "Remove files and folders on a server."),
    "share": Command("homeftp.cli.commands.share", "Make, list and revoke links to files on a server, for a browser."),
    "versions": Command(
        "homeftp.cli.commands.past.versions",
        "List previous versions of files on a server, or remove them for good.",
    ),
    "restore": Command(
        "homeftp.cli.commands.past.restore", "Restore a previous version of a file on a server, or a folder as it was."
    ),
    "verify": Command("homeftp.cli.verify", "Read all files of a server again, and report damaged ones."),
    "raw": Command("homeftp.cli.commands.raw", "Send JSON requests that you type, and print the responses."),
    "help": Command("homeftp.cli.help", "Print the help of a command."),
    "completion": Command("homeftp.cli.completion", "Print a shell completion script."),
    "complete-path": Command("homeftp.cli.completepath", "Print what may complete a path on a server.", hidden=True),
}

GROUPS: Mapping[str, tuple[str, ...]] = {
    "this machine's server": (
        *("serve", "invite", "device", "cert", "state", "account", "grant", "service", "cluster", "log"),
    ),
    "known servers": ("status", "discover", "pair", "remote"),
    "transfer and compare": ("get", "push", "cmp", "sync", "clone"),
    "files on a server": ("ls", "du", "cat", "mkdir", "mv", "rm", "share"),
    "previous versions, and damage": ("versions", "restore", "verify"),
    "other": ("raw", "help", "completion"),
}
"""The commands as help and the manual page group them: every one that is not hidden, once."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "check": ("cmp",),
    "compare": ("cmp",),
    "copy": ("push", "get"),
    "cp": ("push", "get"),
    "del": ("rm",),
    "delete": ("rm",),
    "diff": ("cmp",),
    "dir": ("ls",),
    "download": ("get",),
    "list": ("ls",),
    "md": ("mkdir",),
    "move": ("mv",),
    "pull": ("get",),
    "put": ("push",),
    "remotes": ("remote list",),
    "remove": ("rm",),
    "rename": ("mv",),
    "rmdir": ("rm -r",),
    "rsync": ("push", "get", "sync"),
    "scp": ("push", "get"),
    "tree": ("ls -R",),
    "size": ("du",),
    "link": ("share",),
    "bisync": ("sync",),
    "mirror": ("sync --push", "sync --pull"),
    "undelete": ("restore",),
    "upload": ("push",),
}
"""Names of commands in other programs, and the commands here that do the same."""

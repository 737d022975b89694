"""`homeftp cluster`: the database and the bucket of servers that share them.

It needs no server, and no state folder: it asks the engines themselves.
"""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING, Callable, Mapping

from homeftp.cli.clusters import dumping, exporting, importing, verifying
from homeftp.cli.terminal.arguments import add_actions
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import format_size, print_json, print_result, printable
from homeftp.errors import Busy, Forbidden, OperatorError, counted

if TYPE_CHECKING:
    from homeftp.cluster.database import Database
    from homeftp.cluster.objects import Bucket
    from homeftp.cluster.state import ClusterState

_EPILOG = """\
DATABASE is the URL of a PostgreSQL database, without a password: postgresql://homeftp@db.lan/homeftp. PostgreSQL's own
variables and files have it (PGPASSWORD, PGPASSFILE). The bucket is s3://BUCKET or s3://BUCKET/PREFIX; its address
comes from AWS_ENDPOINT_URL, and its keys from a file that AWS_SHARED_CREDENTIALS_FILE names, or from AWS_ACCESS_KEY_ID
and AWS_SECRET_ACCESS_KEY.
"""


_ARGUMENTS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "import": importing.add_arguments,
    "export": exporting.add_arguments,
    "verify": verifying.add_arguments,
    "dump": dumping.add_dump_arguments,
    "recover": dumping.add_recover_arguments,
}
"""The arguments that only one action has."""

_NOT_LOOKED = "not looked at: the bucket has to answer first"
_SILENT = "not looked at: the bucket does not answer, or refuses the keys. To find out more: homeftp cluster check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    add_epilog(parser, _EPILOG)
    summaries = {
        "init": "Make the tables in a new database, and try the bucket.",
        "migrate": "Upgrade the tables to this version. Servers of the previous version keep working.",
        "check": "Check whether the database and the bucket can be trusted with files.",
        "status": "Show the servers of a cluster, and what it holds.",
        "import": "Copy a shared folder with its versions to a cluster. Stop the folder's server first.",
        "export": "Copy all files of a cluster with their versions to a shared folder.",
        "verify": "Read all contents, and name each file and version that the bucket has not kept. Changes nothing.",
        "dump": "Write all that the database knows into the bucket, as servers do each day.",
        "recover": "Make the tables in an empty database from a dump in the bucket. Stop all servers first.",
        "release": "Let the servers remove what a recovered database does not name.",
    }
    actions = add_actions(parser, summaries)
    for name, action in actions.items():
        if name in _ARGUMENTS:
            _ARGUMENTS[name](action)
        action.add_argument("database", metavar="DATABASE", help="the URL of the database")
        if name == "status":
            action.add_argument("--objects", metavar="BUCKET", help="a bucket, to see whether it is this database's")
        elif name not in ("migrate", "release"):
            action.add_argument("--objects", metavar="BUCKET", required=True, help="the bucket, such as s3://files")
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Do what was asked; returns the exit code."""
    try:
        from homeftp.cluster.database import Database
        from homeftp.cluster.faults import unreachable
        from homeftp.cluster.objects import open_bucket
    except ImportError as error:
        raise OperatorError(f"this needs more packages ({error}): pip install 'homeftp[cluster]'") from None
    without_database = {"import": importing.run, "export": exporting.run, "verify": verifying.run}
    without_database["recover"] = dumping.run_recover
    if options.action in without_database:
        return without_database[options.action](options)
    database = Database(options.database, connections=1)
    try:
        if options.action == "migrate":
            return _migrate(database, options)
        if options.action == "status":
            return _status(database, options)
        if options.action == "release":
            return dumping.run_release(database, options)
        with_bucket = {"init": _init, "check": _check, "dump": dumping.run_dump}
        return with_bucket[options.action](database, open_bucket(options.objects, os.environ), options)
    except Busy as error:
        raise unreachable(error) from error
    finally:
        database.close()


def _init(database: Database, bucket: Bucket, options: argparse.Namespace) -> int:
    from homeftp.cluster.migrations import migrate
    from homeftp.server.clusterschema import SCHEMA
    from homeftp.store.cluster.base.context import ClusterOptions
    from homeftp.store.cluster.tables.shares import make_share
    from homeftp.store.cluster.upkeep.ownership import expect_own

    bucket.check()
    made = migrate(database, SCHEMA)
    try:
        expect_own(database, bucket, anew=True)
    except Forbidden as refusal:
        raise OperatorError(refusal.message) from None
    make_share(database, ClusterOptions().share)
    done = "The tables are made." if made else "The tables were there already."
    serve = shlex.join(("homeftp", "serve", options.database, "--objects", options.objects))
    sentence = f"{done} Next: {printable(serve)}"
    print_result(options, sentence, {"made": made})
    return Exit.DONE


def _migrate(database: Database, options: argparse.Namespace) -> int:
    from homeftp.cluster.migrations import migrate
    from homeftp.server.clusterschema import SCHEMA

    made = migrate(database, SCHEMA)
    sentence = f"Made: {', '.join(made)}." if made else "There is nothing to do: the tables are those of this version."
    print_result(options, sentence, {"made": made})
    return Exit.DONE


def _check(database: Database, bucket: Bucket, options: argparse.Namespace) -> int:
    from homeftp.cluster.examine import Finding, examine_database
    from homeftp.server.clusterschema import SCHEMA
    from homeftp.store.cluster.upkeep.ownership import find_foreign

    problem = _problem(bucket)
    foreign = find_foreign(database, bucket) if problem is None else _NOT_LOOKED
    found = {
        "database": examine_database(database, SCHEMA),
        "bucket": [Finding("the five requests", problem), Finding("the database that it belongs to", foreign)],
    }
    is_sound = not any(each.problem for findings in found.values() for each in findings)
    if options.json:
        shown = {
            engine: [{"what": each.what, "problem": each.problem, "advice": each.advice} for each in findings]
            for engine, findings in found.items()
        }
        print_json({"sound": is_sound, **shown})
    else:
        for engine, findings in found.items():
            for each in findings:
                print(f"{engine:9} {each.what:31} {each.problem or 'ok'}")
                if each.advice:
                    print(f"{'':9} {'':31} {each.advice}")
    return Exit.DONE if is_sound else Exit.DIFFERS


def _problem(bucket: Bucket) -> str | None:
    try:
        bucket.check()
    except OperatorError as error:
        return str(error)
    return None


def _status(database: Database, options: argparse.Namespace) -> int:
    from homeftp.cluster.migrations import expect_current
    from homeftp.cluster.objects import open_bucket
    from homeftp.cluster.servers import list_servers
    from homeftp.cluster.state import read_cluster
    from homeftp.server.clusterschema import SCHEMA
    from homeftp.store.cluster.tables import collected
    from homeftp.store.cluster.tables.holdings import read_status

    expect_current(database, SCHEMA)
    servers, holds, is_held = list_servers(database), read_status(database), collected.is_held(database)
    following = read_cluster(database, ())
    foreign, owned = None, ""
    if options.objects is not None:
        foreign, owned = _ownership(database, open_bucket(options.objects, os.environ))
    code = Exit.DONE if foreign is None else Exit.DIFFERS
    if options.json:
        listed = [
            {
                "host": each.host,
                "address": each.address,
                "version": each.version,
                "seen_seconds": round(each.seconds, 1),
                "runs": each.runs,
            }
            for each in servers
        ]
        replicas = {"count": following.replicas, "lag_bytes": following.lag_bytes, "lag_seconds": following.lag_seconds}
        bucket = {} if options.objects is None else {"bucket": foreign}
        print_json({"servers": listed, "replicas": replicas, **holds._asdict(), "held": is_held, **bucket})
        return code
    for each in servers:
        state = "runs" if each.runs else f"silent for {each.seconds:.0f} s"
        print(f"server   {printable(each.host):20} {printable(each.address):25} homeftp {each.version}  {state}")
    if not servers:
        print("server   none runs")
    print(f"replicas {_replicas(following)}")
    print(f"files    {holds.files:,} with {format_size(holds.file_bytes)}; {counted(holds.directories, 'folder')}")
    print(f"versions {holds.versions:,} with {format_size(holds.version_bytes)}")
    waiting = f"{counted(holds.garbage, 'object')} {'waits' if holds.garbage == 1 else 'wait'}"
    print(f"objects  {counted(holds.packs, 'pack')}; {waiting} to be removed")
    if options.objects is not None:
        print(f"bucket   {foreign or owned}")
    if is_held:
        print("recovered: objects that no file names stay, until: homeftp cluster release")
    return code


def _ownership(database: Database, bucket: Bucket) -> tuple[str | None, str]:
    """Why a bucket is not this database's, or may not be; and whose it is where nothing speaks against it."""
    from homeftp.store.cluster.upkeep.ownership import find_foreign, is_claimed

    try:
        bucket.probe()
    except Busy:
        return _SILENT, ""
    foreign = find_foreign(database, bucket)
    if is_claimed(bucket):
        return foreign, "belongs to this database"
    return foreign, "belongs to no database yet: this one may use it"


def _replicas(state: ClusterState) -> str:
    if not state.replicas:
        return "none follow the database"
    if state.lag_bytes is None:
        return f"{state.replicas:,} follow the database. To see how far behind, run: GRANT pg_monitor TO CURRENT_USER"
    seconds = "" if state.lag_seconds is None else f", or {state.lag_seconds:.1f} s"
    return f"{state.replicas:,} follow the database, the last one {format_size(state.lag_bytes)}{seconds} behind"

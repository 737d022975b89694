"""The command line. `main` holds the table of subcommands; each subcommand is one module, imported when it is called.

`commands` talks to a server, `owner` works on the state folder of this machine's server, `transfer` runs and reports
what push, get and cmp do, `connect` makes the connection, `terminal` reads and writes the standard streams.

The module of a subcommand defines `add_arguments(parser)` and `run(options) -> int`. It imports what is slow to
import inside functions, so that `homeftp --help` and completion stay quick.
"""

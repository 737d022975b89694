"""The command line: a module for each subcommand, imported only when it is called.

Such a module has `add_arguments(parser)` and `run(options) -> int`, and
imports nothing at its top that takes time, so that `homeftp --help` and completion
stay quick.
"""

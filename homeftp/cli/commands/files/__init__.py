"""The subcommands that work on the files of a server without transferring them: list, print, remove, move."""

"""The command line, a module for each subcommand: words in, words out. homeftp.client and homeftp.tap do the work."""

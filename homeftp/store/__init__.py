"""The share on disk: the only room that opens its files. No wire, no Twisted protocol."""

"""The files of the share: what is read, listed and replaced on the disk.

`share.Share` is the face; nothing outside imports the other modules, and no
module but `jail` opens a path. All of it blocks and none of it knows Twisted.
"""

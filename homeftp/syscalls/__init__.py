"""The calls of the system that Python or some systems lack, and what they do on each file system.

Also here: what file systems keep of times and modes, learned on a file of our own, and how memory goes back to the
system.
"""

from homeftp.syscalls.system import System

__all__ = ["System"]

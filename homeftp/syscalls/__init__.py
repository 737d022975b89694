"""The calls of the system that Python or some systems lack, and how memory goes back to the system."""

from homeftp.syscalls.system import System

__all__ = ["System"]

"""The control socket of a server for the owner's commands on its machine, and the file of the scrub's state.

server/control.py answers at the socket, and server/store/scrub.py writes the file.
"""

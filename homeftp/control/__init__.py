"""What a server and the owner's commands on its machine share: the control socket, and the file of the scrub's state.

server/control.py answers at the socket, and server/scrub.py writes the file.
"""

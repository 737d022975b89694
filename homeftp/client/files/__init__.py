"""Local files of a transfer: scanning, reading and hashing, and writing downloads. No wire and no connection.

These are the only modules of the client that open a path in the user's own
folders. Everything here blocks and is called in a worker, with many small
files in one job.
"""

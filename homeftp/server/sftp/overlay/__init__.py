"""The files that one session has open: its drafts, which it sees itself, and what everyone else sees until they are put
in place.
"""

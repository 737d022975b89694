"""Making a target folder equal to its source: what only the target has is deleted, after everything was transferred.

`plan` decides what that is, and `remote` and `local` delete it. What has changed since it was listed stays.
"""

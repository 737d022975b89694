"""Rules that are the same for every storage backend, written once.

`wording` says how messages name things; `filetypes`, `limits`, `preconditions`
and `similarnames` decide what may be stored; `pages` cuts listings into pages;
`changelog` orders changes for the audit log; `rights` and `authorized` limit
what one account sees and does. Nothing here reads or writes a disk.
"""

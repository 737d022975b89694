"""Keeping a local folder and a directory of a server the same: what was agreed, what to do about it, and doing it.

`trees` reads both sides, `planner` makes a plan of them and of the `archive`, which is what both sides agreed on last;
`run` carries it out. `decision`, `renames` and `guards` are the rules. They and the planner read and write nothing.
"""

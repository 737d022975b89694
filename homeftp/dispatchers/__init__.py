"""The request types, a module for each: a decoded request in, calls of `IFiles`, a resolution out.

No bytes of the wire and no path of a disk here; what may be done, when and by whom, `IFiles` decides.
"""

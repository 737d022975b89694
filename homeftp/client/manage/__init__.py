"""Management of files on a server, besides transfers: remove them, move them, make folders, sum up sizes.

Each function takes paths as people write them, and makes requests over one connection. No local file is touched.
"""

"""`homeftp cluster`: the owner's commands for servers that share a database and a bucket."""

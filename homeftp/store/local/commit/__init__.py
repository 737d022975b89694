"""The commit point: how a file or directory gets, changes or loses its name, durably and on its precondition."""

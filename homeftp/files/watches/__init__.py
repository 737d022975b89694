"""Changes of the store, told to those who watch a part of it. docs/decisions/watch.rst has the reasons."""

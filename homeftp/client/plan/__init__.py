"""From the paths that a user names to the files that are transferred: `push`, `get` and `cmp`.

A file goes to the target's own name, or inside it under the file's name when
the target is an existing directory, ends in `/`, is the top of the store, or
when there are several sources. A directory maps exactly onto the target,
whether that exists or not, so that `push -r lib nas:lib` and `get -r nas:lib
out` make equal trees; it goes inside under its own name when the target ends
in `/`, is the top of the store or `.`, or when there are several sources. A
source that ends in `/` or `.`, or is the top of the store, stands for its
content.
"""

"""Storage backends: what implements `IStore`, and the one place that chooses among them.

`factory` opens a store by its URL. `policy` has the rules that are the same for
every backend, `local` the backend for a folder, `memory` the reference backend.
`buffers` and `readonly` help to write others. All of it blocks, and none of it
knows Twisted or a protocol.
"""

"""The engines of a cluster: one PostgreSQL database for all that has a name, and one bucket for bytes.

Several servers use them at the same time. What is kept in them is decided by the packages that use this one, such as
`homeftp.store.cluster`; each contributes its tables as a `SchemaPart`. Needs the extra `homeftp[cluster]`.
"""

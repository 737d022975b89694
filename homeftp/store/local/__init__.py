"""The local store: a folder on this computer, with versions, resumable uploads, quotas and durable atomic writes."""

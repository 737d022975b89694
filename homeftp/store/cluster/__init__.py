"""The backend of many servers: names in PostgreSQL, bytes in a bucket (docs/decisions/cluster). Extra `cluster`."""

"""Many small files in one PUSH or GET."""

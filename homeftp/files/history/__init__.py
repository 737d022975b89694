"""Earlier content: it is read, put back, or removed for good, step by step, in the pool."""

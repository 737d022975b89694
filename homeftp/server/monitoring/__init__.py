"""The server's health and its metrics, for load balancers and monitoring systems: counts and sizes, and no names."""

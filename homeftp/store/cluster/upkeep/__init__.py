"""What the cluster store does without being asked: expiry, garbage, and reading everything again."""

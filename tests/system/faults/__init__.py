"""Faults put into real system calls: the process is killed at each of them, or each of them fails."""

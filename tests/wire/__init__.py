"""The tests of the wire's rules."""

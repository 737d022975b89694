"""What the names of a store had earlier: the values and the rule, without a trace of wire or disk."""

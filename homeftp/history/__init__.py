"""Earlier states of a store's names: the values and the rule, without a trace of wire or disk."""

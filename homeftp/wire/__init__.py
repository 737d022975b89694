"""The wire's rules, without input or output: no Twisted, no disk, no clock."""

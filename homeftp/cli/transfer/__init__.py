"""Running push, get and cmp, and reporting what they do: messages, progress bar, questions, exit status."""

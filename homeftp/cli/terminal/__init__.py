"""Input and output of every command: text for people, JSON for scripts, prompts, exit codes."""

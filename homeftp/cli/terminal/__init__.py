"""What every command prints and reads: text for people, JSON for scripts, prompts, exit codes."""

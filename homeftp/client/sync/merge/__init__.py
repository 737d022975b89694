"""Merging text files that both sides have changed: `texts` merges three contents, `files` fetches and replaces them."""

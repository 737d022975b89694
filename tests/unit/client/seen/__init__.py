"""Tests of what this machine saw last on servers."""

"""Transfers of files and folders."""

"""Texts: read from files, cut into tokens, which get numbers, and put together again."""

"""Lyrics to tokens, words and vectors."""

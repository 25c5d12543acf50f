"""Pieces of single pages: their forms, lists and tables."""

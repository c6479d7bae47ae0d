"""Trained networks of other makers, read as data and written as our own model folders."""

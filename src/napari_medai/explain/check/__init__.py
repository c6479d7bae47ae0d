"""Tests that a map must pass before it is believed: each a small function from values to values."""

"""A recipe on many cases."""

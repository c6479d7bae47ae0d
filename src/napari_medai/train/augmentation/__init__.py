"""How patches are varied."""

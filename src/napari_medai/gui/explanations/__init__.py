"""A map seen through, its cells, its check and the verdict."""

"""Tables in a dock, tied to the regions of an image."""

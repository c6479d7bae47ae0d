"""The Segment panel: what a model will take, and the part that is visible."""

"""A docked histogram, its lines tied to the contrast limits."""

"""Response maps of the image biomarker standard, part two: one filter a module."""

"""Landmarks looked through, corrected, drawn and kept."""

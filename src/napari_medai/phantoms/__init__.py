"""Made-up patients: images with exactly known contents."""

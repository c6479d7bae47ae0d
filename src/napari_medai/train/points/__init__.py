"""The training of landmark networks: images with points, views of them, two stages, calibration."""

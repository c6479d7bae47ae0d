"""What a reader of images has around them: letters, the camera, window and level."""

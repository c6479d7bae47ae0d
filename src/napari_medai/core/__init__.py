"""What an image is, where it lies in the world, how a computation is declared."""

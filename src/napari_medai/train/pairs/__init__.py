"""The training of registration networks on pairs of images."""

"""The training of classifiers: images with classes, drawn evenly."""

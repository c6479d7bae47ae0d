"""Pictures of three dots of different shape, and a table of where they are: a landmark task of seconds."""

import csv

import numpy as np

NAMES = ("disc", "ring", "cross")


def draw_dots(seed, shape=(48, 40)):
    """Return an image (uint8) and the places (x, y) of disc, ring and cross in pixels."""
    rng = np.random.default_rng([seed, 77])
    y, x = np.mgrid[: shape[0], : shape[1]]
    middle = np.array([[12, 12], [28, 18], [18, 36]], float) + rng.uniform(-3, 3, (3, 2))
    picture = np.full(shape, 40.0)
    distance = [np.hypot(x - a, y - b) for a, b in middle]
    picture += 150 * np.clip(4 - distance[0], 0, 1)
    picture += 150 * np.clip(1.6 - np.abs(distance[1] - 4), 0, 1)
    a, b = middle[2]
    arms = np.minimum(np.abs(x - a), np.abs(y - b))
    picture += 150 * np.clip(1.6 - arms, 0, 1) * (distance[2] < 6)
    return np.clip(picture + rng.normal(0, 4, shape), 0, 255).astype(np.uint8), middle


def write_dots(folder, count, *, wide=False, size=None):
    """Write pictures and ``points.csv`` into a folder."""
    import imageio.v3 as iio

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "points.csv").open("w", newline="") as file:
        table = csv.writer(file)
        extra = [] if size is None else ["spacing_mm"]
        if wide:
            table.writerow(["image", *(f"{n}_{a}" for n in NAMES for a in "xy"), *extra])
        else:
            table.writerow(["image", "name", "x", "y", *extra])
        for k in range(count):
            picture, places = draw_dots(k)
            iio.imwrite(folder / f"case{k}.png", picture)
            more = [] if size is None else [size]
            if wide:
                table.writerow([f"case{k}.png", *places.ravel(), *more])
            else:
                for name, place in zip(NAMES, places, strict=True):
                    table.writerow([f"case{k}.png", name, *place, *more])
    return folder

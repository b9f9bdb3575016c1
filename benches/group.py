"""SciPy's cKDTree on the positions that `cargo bench --bench group -- FOLDER` left in FOLDER; and patches by NumPy.

usage: group.py FOLDER

Prints medians; cKDTree's query alone is what our whole grouping (tree, neighbours and draws) is held against.
"""

import pathlib
import statistics
import sys
import time

import numpy as np
from scipy.spatial import cKDTree


def median(runs, work):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def neighbours(path):
    layout, count = path.stem.split("_")
    scan = np.load(path)
    points = np.column_stack([scan["xcoords"], scan["ycoords"]])
    runs = 3 if len(points) <= 1_000_000 else 1
    build = median(runs, lambda: cKDTree(points))
    tree = cKDTree(points)
    rows = [("cKDTree build", build)]
    for workers in (1, 2):
        rows.append((f"cKDTree query, {workers} worker{'s' * (workers > 1)}", median(runs, lambda: tree.query(points, k=7, workers=workers))))
    for what, seconds in rows:
        print(f"{count:>10} {layout:>8} {what:>22} {seconds * 1e9 / len(points):16.0f} {seconds:9.3f}")


def bilinear(canvas, x, y, n):
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    wx, wy = np.float32(x - x0), np.float32(y - y0)
    a = canvas[y0 : y0 + n + 1, x0 : x0 + n + 1]
    top = (1 - wx) * a[:-1, :-1] + wx * a[:-1, 1:]
    bottom = (1 - wx) * a[1:, :-1] + wx * a[1:, 1:]
    return (1 - wy) * top + wy * bottom


def patches():
    rng = np.random.default_rng(0)
    side, cuts = 2000, 2000
    canvas = (rng.random((side, side)) + 1j * rng.random((side, side))).astype(np.complex64)
    for n in (64, 128):
        places = rng.random((cuts, 2)) * (side - n - 2)
        seconds = median(3, lambda: [bilinear(canvas, x, y, n) for x, y in places])
        print(f"{n:>4} x {n:<4} {'NumPy':>21} {seconds * 1e6 / cuts:16.2f}")


for file in sorted(pathlib.Path(sys.argv[1]).glob("*_*.npz"), key=lambda path: (int(path.stem.split("_")[1]), path.stem)):
    neighbours(file)
patches()

"""The same job with what people would use instead: batches of groups of neighbouring patterns, as f4 in memory.

usage: python benches/peers.py [--groups N] [--size 10000x64] [--runs 5]

Needs h5py, zarr, datasets, pylance, scipy, and our example built: cargo build --release --no-default-features --features
export --example make_scan --example read_groups. Every peer is given an index table (10,000 groups of 4 out of 10,000
patterns, neighbours on the raster) and hands out batches of 64 groups, from its own file, made beforehand; ours works its
own out of the positions, within the time. Each runs in a process of
its own, after one run that does not count. Warm: the file is in the page cache. Cold: it was dropped from it. Peak: the
most private memory (RssAnon) above what the process had before it opened the file.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "target" / "release" / "examples"
C, K, BATCH = 4, 6, 64


def private():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def peak_of(run):
    """Seconds, and the most private memory above that before."""
    before, most, done = private(), [0], threading.Event()

    def look():
        while not done.wait(0.002):
            most[0] = max(most[0], private())

    sampler = threading.Thread(target=look)
    sampler.start()
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    done.set()
    sampler.join()
    return seconds, max(most[0] - before, 0)


def forget(path):
    """Drops a file, or all of a folder, from the page cache."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


# --- writers: each format from the same array, as its documentation recommends for reading rows

def write_npy(array, path):
    np.save(path, array)


def write_h5(array, path):
    import h5py
    with h5py.File(path, "w") as file:
        file.create_dataset("diff3d", data=array)


def write_zarr(array, path):
    import zarr
    # Of chunks of 1 to 1000 patterns these were the fastest.
    stored = zarr.create_array(path, shape=array.shape, dtype=array.dtype, chunks=(64, *array.shape[1:]), compressors=None)
    stored[:] = array


def write_datasets(array, path):
    import datasets
    features = datasets.Features({"diff3d": datasets.Array2D(array.shape[1:], "float32")})
    made = datasets.Dataset.from_generator(
        rows_of, features=features, gen_kwargs={"path": str(path.parent / "scan.npy")}, cache_dir=str(path) + ".cache")
    made.save_to_disk(path)


def rows_of(path):
    for row in np.load(path, mmap_mode="r"):
        yield {"diff3d": row}


def write_lance(array, path):
    import lance
    import pyarrow as pa
    flat = pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array[0].size)
    lance.write_dataset(pa.table({"diff3d": flat}), str(path))


# --- readers: a function that gives the patterns of a list of scan points, as f4 [len, N, N]

def read_npz(path, side):
    return np.load(path)["diff3d"].__getitem__


def read_memmap(path, side):
    return np.load(path, mmap_mode="r").__getitem__


def read_h5(path, side):
    import h5py
    data = h5py.File(path)["diff3d"]

    def take(points):
        # Indices must ascend, each once.
        unique, inverse = np.unique(points, return_inverse=True)
        return data[unique][inverse]
    return take


def read_zarr(path, side):
    import zarr
    data = zarr.open_array(path, mode="r")

    def take(points):
        # Five times faster here than its own orthogonal indexing.
        first = points.min()
        return data[first : points.max() + 1][points - first]
    return take


def read_datasets(path, side):
    import datasets
    data = datasets.load_from_disk(path).with_format("numpy")
    return lambda points: data[points]["diff3d"]


def read_lance(path, side):
    import lance
    data = lance.dataset(str(path))
    return lambda points: data.take(points)["diff3d"].combine_chunks().flatten().to_numpy().reshape(-1, side, side)


PEERS = {
    "np.load of the .npz, then fancy indexing": (None, read_npz, "scan.npz"),
    "np.memmap of a bare .npy, fancy indexing": (write_npy, read_memmap, "scan.npy"),
    "h5py, contiguous": (write_h5, read_h5, "scan.h5"),
    "zarr 3, chunks of 64 patterns, not compressed": (write_zarr, read_zarr, "scan.zarr"),
    "Hugging Face datasets, numpy format": (write_datasets, read_datasets, "scan.datasets"),
    "Lance, take": (write_lance, read_lance, "scan.lance"),
}


def batches(take, nn, expected=None):
    checked = 0
    for start in range(0, len(nn), BATCH):
        points = nn[start : start + BATCH].reshape(-1)
        batch = np.ascontiguousarray(take(points), dtype=np.float32)
        if expected is not None and start % (BATCH * 40) == 0:
            assert np.array_equal(batch, expected[points]), start
            checked += 1
    return checked


def peer(name, folder, side, runs, cold):
    """Run in a process of its own; prints JSON."""
    _, reader, file = PEERS[name]
    path, nn = folder / file, np.load(folder / "nn.npy")
    expected = np.load(folder / "scan.npy", mmap_mode="r")
    assert batches(reader(path, side), nn, expected) > 0
    results = []
    for _ in range(runs):
        if cold:
            forget(path)
        results.append(peak_of(lambda: batches(reader(path, side), nn)))
    seconds, peaks = zip(*results)
    print(json.dumps({"seconds": seconds, "private_peak": max(peaks)}))


def ours(folder, runs, groups, columns="diffraction", file="scan.npz"):
    command = [EXAMPLES / "read_groups", folder / file, "--columns", columns, "--batch-rows", str(BATCH)]
    done = subprocess.run([*map(str, command), "--runs", str(runs), "--n-groups", str(groups)],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ours_cold(folder, runs, groups):
    results = []
    for _ in range(runs):
        forget(folder / "scan.npz")
        results.append(ours(folder, 1, groups))
    return {"seconds": [r["seconds"][0] for r in results], "private_peak": max(r["private_peak"] for r in results)}


def transcription(path, n_groups, seed=0):
    """What the reference computes, in bare NumPy and SciPy: everything in memory at once, neighbours by cKDTree, a draw a
    group, two gathered copies of the patterns. Written from REFERENCE.md's description of the method, not from its code."""
    from scipy.spatial import cKDTree
    npz = np.load(path)
    patterns = npz["diff3d"].astype(np.float32)
    x, y = npz["xcoords"], npz["ycoords"]
    positions = np.column_stack([x, y])
    nearest = cKDTree(positions).query(positions, k=K + 1)[1][:, 1:]
    draw = np.random.default_rng(seed)
    nn = np.stack([draw.choice(pool, C, replace=False) for pool in nearest[:n_groups]])
    coords = np.stack([x[nn], y[nn]], axis=1)[:, None]
    offsets = coords.mean(axis=-1, keepdims=True)
    relative = -(coords - offsets)
    diffraction = np.moveaxis(patterns[nn], 1, -1)
    side = patterns.shape[-1]
    power = np.sum(diffraction.astype(np.float32) ** 2, axis=(1, 2))
    factor = np.float32(np.sqrt((side / 2) ** 2 / power.mean()))
    normalized = factor * diffraction
    return relative, diffraction, normalized


def transcription_in_this_process(path, n_groups):
    kept = []
    seconds, peak = peak_of(lambda: kept.append(transcription(path, n_groups)))
    print(json.dumps({"seconds": [seconds], "private_peak": peak}))


def in_a_process(*args):
    command = [sys.executable, __file__, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return {"failed": last[:60]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def line(name, warm, cold, total, first):
    if "failed" in warm:
        return f"| {name} | {warm['failed']} | | | |"
    seconds = statistics.median(warm["seconds"])
    spread = f"{min(warm['seconds']):.3f} to {max(warm['seconds']):.3f}"
    cold = f"{statistics.median(cold['seconds']):.2f}" if cold else ""
    return (f"| {name} | {seconds:.3f} ({spread}) | {total / seconds / 1e9:.2f} | {seconds / first:.1f} | {cold} | "
            f"{warm['private_peak'] / 1e6:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="10000x64")
    parser.add_argument("--groups", type=int)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path, help="where to make the files; a temporary folder by default")
    args = parser.parse_args()
    patterns, side = map(int, args.size.split("x"))
    groups = args.groups or patterns
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = pathlib.Path(name)
        subprocess.run([EXAMPLES / "make_scan", args.size, folder / "scan.npz"], check=True, capture_output=True)
        array = np.load(folder / "scan.npz")["diff3d"]
        rng = np.random.default_rng(1)
        # Neighbours on the raster, as the groups of a scan are: near in the file, and a row up or down.
        columns = int(np.ceil(np.sqrt(patterns)))
        steps = np.array([-columns - 1, -columns, -columns + 1, -1, 1, columns - 1, columns, columns + 1])
        seeds = np.sort(rng.choice(patterns, groups, replace=groups > patterns))
        near = np.clip(seeds[:, None] + rng.permuted(np.tile(steps, (groups, 1)), axis=1)[:, :C], 0, patterns - 1)
        np.save(folder / "nn.npy", near)
        for write, _, file in PEERS.values():
            if write:
                write(array, folder / file)
        del array
        total = groups * C * side * side * 4
        ours(folder, 1, groups)
        warm = ours(folder, args.runs, groups)
        first = statistics.median(warm["seconds"])
        print(f"{groups} groups of {C} out of {patterns} patterns {side} x {side} f4, batches of {BATCH} groups, "
              f"{total / 1e6:.0f} MB out; medians of {args.runs}\n")
        print("| | warm, s | GB/s | times ours | cold, s | private peak, MB |\n|---|---|---|---|---|---|")
        print(line("PtychoArrow, from the .npz, neighbours included", warm, ours_cold(folder, 3, groups), total, first))
        index = ours(folder, args.runs, groups, "nn_indices")
        print(f"| of that, opening and finding the groups | {statistics.median(index['seconds']):.4f} | | | | |")
        for name in PEERS:
            one = in_a_process("--peer", name, folder, side, args.runs, 0)
            cold = None if "failed" in one else in_a_process("--peer", name, folder, side, 3, 1)
            print(line(name, one, cold, total, first), flush=True)
        both = ours(folder, args.runs, groups, "diffraction,diffraction_normalized")
        runs = [in_a_process("--transcription", folder / "scan.npz", groups) for _ in range(args.runs)]
        failed = [run for run in runs if "failed" in run]
        bare = failed[0] if failed else {
            "seconds": [run["seconds"][0] for run in runs], "private_peak": max(run["private_peak"] for run in runs)}
        first = statistics.median(both["seconds"])
        print(f"\nThe reference's method: `diffraction` and `diffraction_normalized` of every group, {2 * total / 1e6:.0f} MB\n")
        print("| | s | GB/s | times ours | cold, s | private peak, MB |\n|---|---|---|---|---|---|")
        print(line("PtychoArrow, batch by batch", both, None, 2 * total, first))
        print(line("bare NumPy and cKDTree, all in memory", bare, None, 2 * total, first))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6] == "1")
    elif sys.argv[1:2] == ["--transcription"]:
        transcription_in_this_process(pathlib.Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()

"""What the command reads from NumPy files, compared with what NumPy itself reads from them.

usage: check_npz.py PATH_OF_THE_COMMAND

Values are compared bit for bit, as are the places where the data lies in the files. Every disagreement is one line:
what, expected, found.
"""

import collections
import contextlib
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import typing
import warnings
import zipfile

# The generator beside it leaves no compiled copy in the tree.
sys.dont_write_bytecode = True
import make_npz
import numpy as np
import pyarrow as pa

COMMAND = pathlib.Path(sys.argv[1]).resolve()
THIRD_PARTY = pathlib.Path(__file__).resolve().parent.parent / "data" / "thirdparty"
C, K, GROUPS = 4, 6, 20
COUNTS, FAILED = collections.Counter(), []


# --- the command

def call(*args, **variables):
    command = [str(COMMAND), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})


def run(*args, **variables):
    done = call(*args, **variables)
    assert done.returncode == 0, f"exit code {done.returncode}, {done.stderr.strip()} ({' '.join(map(str, args))})"
    return done.stdout


def inspected(path, *more):
    return json.loads(run("inspect", path, "--format", "json", *more))


def exported(path, name, output, *more, **variables):
    run("export", path, f"--array={name}", "-o", output, "--force", *more, **variables)
    return output


def table_of(path):
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


# --- what does not agree

def shown(value):
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else text[:200] + " ..."


def failed(what, expected, found):
    FAILED.append(f"{what}: expected {shown(expected)}, found {shown(found)}")


def expect(what, expected, found):
    if expected != found:
        failed(what, expected, found)


@contextlib.contextmanager
def attempt(what):
    """What goes wrong inside is one failure; the checks after it still run."""
    try:
        yield
    except Exception as problem:
        failed(what, "no error", f"{type(problem).__name__} {problem}")


def expect_refusal(what, *args, codes=(1,), saying=()):
    done = call(*args)
    if done.returncode not in codes:
        failed(what, f"exit code {codes}", f"{done.returncode} {done.stdout} {done.stderr}")
    for word in saying:
        if word.lower() not in done.stderr.lower():
            failed(what, f"a message with {word!r}", done.stderr or "nothing")


# --- how NumPy reads a file

class Reading(typing.NamedTuple):
    """A member as NumPy reads it: an array, bytes, or the error."""

    value: object
    method: str
    fortran_order: bool | None = None
    byte_offset: int | None = None


def header_of(file):
    """Order, and where the data begins."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)[1], file.tell()


def data_start(raw, info):
    """Where a member's packed bytes begin, by its local header."""
    name_len, extra_len = struct.unpack_from("<HH", raw, info.header_offset + 26)
    return info.header_offset + 30 + name_len + extra_len


def value_of(read):
    try:
        return read()
    except Exception as problem:
        return problem


def member_reading(npz, key, info, raw):
    value = value_of(lambda: npz[key])
    methods = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
    methods |= {number: name for name, number in make_npz.COMPRESSED.items()}
    method = methods.get(info.compress_type, "other")
    if not isinstance(value, np.ndarray):
        return Reading(value, method)
    with npz.zip.open(info) as file:
        fortran_order, header_len = header_of(file)
    byte_offset = data_start(raw, info) + header_len if method == "stored" else None
    return Reading(value, method, fortran_order, byte_offset)


def key_of(name, names):
    """NumPy's key: beside a member `a`, the member `a.npy` can only be had by its whole name."""
    key = name.removesuffix(".npy")
    return name if key in names else key


def archive_readings(path):
    """By key, in the order of the directory; of several members with one name the last counts."""
    raw = path.read_bytes()
    with np.load(path) as npz:
        names = npz.zip.namelist()
        names = list(reversed(dict.fromkeys(reversed(names))))
        keys = {name: key_of(name, names) for name in names}
        return {key: member_reading(npz, key, npz.zip.getinfo(name), raw) for name, key in keys.items()}


def bare_readings(path):
    value = value_of(lambda: np.load(path))
    if not isinstance(value, np.ndarray):
        return {path.stem: Reading(value, "stored")}
    with path.open("rb") as file:
        return {path.stem: Reading(value, "stored", *header_of(file))}


def readings(path):
    with warnings.catch_warnings(action="ignore"):
        is_bare = path.read_bytes().startswith(b"\x93NUMPY")
        return bare_readings(path) if is_bare else archive_readings(path)


# --- what an array is in Arrow

def time_type(dtype):
    unit, _ = np.datetime_data(dtype)
    if dtype.kind == "M" and unit in "DWMY":
        return pa.date32()
    coarse = {"m": "s", "h": "s"} if dtype.kind == "M" else {"m": "s", "h": "s", "D": "s", "W": "s"}
    unit = coarse.get(unit, unit)
    make = pa.timestamp if dtype.kind == "M" else pa.duration
    return make(unit) if unit in ("s", "ms", "us", "ns") else None


def part_of(dtype):
    """The dtype of the parts of a complex number, any other itself; in native byte order."""
    native = dtype.newbyteorder("=")
    return np.dtype(f"f{native.itemsize // 2}") if dtype.kind == "c" else native


def arrow_type(dtype):
    """Of one value, or of its parts; nothing if Arrow has no type for it."""
    if dtype.kind in "SU":
        return pa.string()
    if dtype.kind in "mM":
        return time_type(dtype)
    fits = dtype.kind in "biufc" and part_of(dtype).itemsize <= 8
    return pa.from_numpy_dtype(part_of(dtype)) if fits else None


def is_readable(reading):
    is_array = isinstance(reading.value, np.ndarray) and reading.method != "other"
    return is_array and arrow_type(reading.value.dtype) is not None


def in_native_order(array):
    if array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind == "U" else make_npz.swapped(array)


def ticks(array):
    """Dates and durations in the unit and width that Arrow counts them in."""
    kind = arrow_type(array.dtype)
    if pa.types.is_date32(kind):
        return array.astype("M8[D]").astype("i8").astype("i4")
    return array.astype(f"{array.dtype.kind}8[{kind.unit}]").astype("i8")


def flat_values(array):
    """The values in C order as Arrow keeps them, complex ones as two, and which are there."""
    array = in_native_order(np.ravel(array, order="C"))
    if array.dtype.kind == "S":
        return np.array([text.decode() for text in array.tolist()], object), np.ones(array.size, bool)
    if array.dtype.kind == "U":
        return np.array(array.tolist(), object), np.ones(array.size, bool)
    if array.dtype.kind in "mM":
        return ticks(array), ~np.isnat(array)
    values = array.view(part_of(array.dtype))
    return values, np.ones(values.size, bool)


# --- what an Arrow column holds

def storage(column):
    """The column's values without its lists, all chunks in one."""
    chunks = [chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk for chunk in column.chunks]
    return pa.concat_arrays([within_lists(chunk) for chunk in chunks]) if chunks else None


def within_lists(chunk):
    if not pa.types.is_fixed_size_list(chunk.type):
        return chunk
    assert chunk.null_count == 0, "a row is null"
    return chunk.flatten()


def physical(kind):
    """The dtype of the numbers in an Arrow buffer."""
    return np.dtype(f"i{kind.bit_width // 8}" if pa.types.is_temporal(kind) else kind.to_pandas_dtype())


def column_values(column):
    """As `flat_values`; what stands at a null means nothing."""
    values = storage(column)
    if values is None:
        return np.array([]), np.ones(0, bool)
    there = values.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_string(values.type):
        return np.array([*values.to_pylist(), None], object)[:-1], there
    if pa.types.is_boolean(values.type):
        return values.to_numpy(zero_copy_only=False), there
    buffer = values.buffers()[1] if len(values) else b""
    return np.frombuffer(buffer, physical(values.type))[values.offset : values.offset + len(values)], there


def bits(values):
    """Each number's bytes, so that NaNs can be told apart; text itself."""
    return values.tolist() if values.dtype == object else [value.tobytes() for value in values]


def expect_values(what, expected, found):
    """Bit for bit where both have a value; names the first that differs."""
    (values, there), (found_values, found_there) = expected, found
    expect(f"{what}: number of values", len(values), len(found_values))
    if len(values) != len(found_values):
        return
    if not np.array_equal(there, found_there):
        at = np.flatnonzero(there != found_there)[0]
        failed(f"{what}: value {at}", "a value" if there[at] else "null", "a value" if found_there[at] else "null")
        return
    values, found_values = values[there], found_values[there]
    if len(values) and values.dtype != found_values.dtype:
        return failed(f"{what}: type of values", values.dtype, found_values.dtype)
    differs = [at for at, pair in enumerate(zip(bits(values), bits(found_values))) if pair[0] != pair[1]]
    if differs:
        at = differs[0]
        failed(f"{what}: value {at} ({len(differs)} of {len(values)} differ)", repr(values[at]), repr(found_values[at]))


def expect_type(what, array, field):
    """The type a column has by the array's dtype and shape."""
    item, row = arrow_type(array.dtype), [*array.shape[1:]]
    if array.dtype.kind == "c":
        row.append(2)
        dtype = (field.metadata or {}).get(b"ptychoarrow.dtype")
        expect(f"{what}: metadata ptychoarrow.dtype", array.dtype.name.encode(), dtype)
    if not row:
        return expect(f"{what}: type", item, field.type)
    if item == pa.string():
        found = (field.type.value_type, field.type.list_size) if pa.types.is_fixed_size_list(field.type) else field.type
        return expect(f"{what}: type", (item, math.prod(row)), found)
    if not isinstance(field.type, pa.FixedShapeTensorType):
        return failed(f"{what}: type", f"a tensor of {item} {row}", field.type)
    expect(f"{what}: type", (item, row, None), (field.type.value_type, field.type.shape, field.type.permutation))


def expect_array(what, array, table):
    rows = array.shape[0] if array.ndim else 1
    expect(f"{what}: columns", ["row", "value"], table.column_names)
    expect(f"{what}: rows", rows, table.num_rows)
    expect(f"{what}: row", (pa.int64(), list(range(rows))), (table["row"].type, table["row"].to_pylist()))
    expect_type(what, array, table.schema.field("value"))
    expect_values(what, flat_values(array), column_values(table["value"]))


# --- a whole file

def expect_header(what, reading, found, raw):
    array = reading.value
    expect(f"{what}: dtype", array.dtype, np.dtype(found["dtype"]))
    expect(f"{what}: shape", list(array.shape), found["shape"])
    expect(f"{what}: fortran_order", reading.fortran_order, found["fortran_order"])
    expect(f"{what}: method", reading.method, found["method"])
    expect(f"{what}: byte_offset", reading.byte_offset, found["byte_offset"])
    expect(f"{what}: num_bytes", array.nbytes, found["num_bytes"])
    if (at := found["byte_offset"]) is not None:
        data = array.tobytes("F" if found["fortran_order"] else "C")
        expect(f"{what}: bytes at {at}", data, raw[at : at + found["num_bytes"]])
    words = ("mapped", "copied") if reading.method == "stored" else ("inflated",)
    if found["access"] not in words or (found["access"] != "mapped" and not found["reason"]):
        failed(f"{what}: access", f"{' or '.join(words)}, and why it is not mapped", (found["access"], found["reason"]))


def expect_inspection(path, expected):
    """The report on a file; its arrays by name."""
    report, raw = inspected(path), path.read_bytes()
    expect(f"{path.name}: size", len(raw), report["size"])
    expect(f"{path.name}: names", list(expected), [array["name"] for array in report["arrays"]])
    arrays = {array["name"]: array for array in report["arrays"]}
    for name in expected.keys() & arrays.keys():
        what, found = f"{path.name} {name}", arrays[name]
        if is_readable(expected[name]):
            with attempt(f"{what}: inspect"):
                expect_header(what, expected[name], found, raw)
        else:
            expect(f"{what}: access", "refused", found["access"])
            expect(f"{what}: has a reason", True, bool(found.get("reason")))
    return report


def expect_export(path, name, reading, folder):
    COUNTS["arrays"] += 1
    what = f"{path.name} {name}"
    with attempt(f"{what}: export"):
        expect_array(what, reading.value, table_of(exported(path, name, folder / "array.arrow")))


def kind_of(value):
    return str(value.dtype) if isinstance(value, np.ndarray) else type(value).__name__


def expect_refusals(path, refused, folder):
    """The first member of each kind cannot be exported; the message names it."""
    first_of_kind = {kind_of(reading.value): name for name, reading in reversed(refused.items())}
    for name in first_of_kind.values():
        COUNTS["refusals"] += 1
        args = ["export", path, f"--array={name}", "-o", folder / "refused.arrow"]
        expect_refusal(f"{path.name} {name}: export", *args, saying=[name])


def expect_file(path, folder):
    """Everything in a file, as NumPy reads it."""
    expected = readings(path)
    with attempt(f"{path.name}: inspect"):
        expect_inspection(path, expected)
    for name, reading in expected.items():
        if is_readable(reading):
            expect_export(path, name, reading, folder)
    expect_refusals(path, {name: reading for name, reading in expected.items() if not is_readable(reading)}, folder)
    return expected


# --- the checks

def every_dtype_order_shape_version_and_method(folder):
    for path in make_npz.matrix(folder):
        expected = expect_file(path, folder)
        unreadable = [name for name, reading in expected.items() if not is_readable(reading)]
        expect(f"{path.name}: what this check cannot compare", [], unreadable)


def methods_that_this_python_lacks():
    if "zstd" not in make_npz.COMPRESSED:
        COUNTS["methods skipped (Zstandard, which the zipfile of this Python does not have)"] += 1


def bare_files_are_archives_of_one_member(folder):
    for path in make_npz.bare(folder):
        expect_file(path, folder)
        COUNTS["bare files"] += 1


def containers_in_every_dress(folder):
    paths = make_npz.containers(folder)
    for path in paths.values():
        expect_file(path, folder)
        COUNTS["containers"] += 1
    duplicates_are_noted(paths["duplicates"])
    make_npz.many_members(folder / "many_members.npz")
    with attempt("many_members.npz"):
        expect_inspection(folder / "many_members.npz", readings(folder / "many_members.npz"))
        COUNTS["containers"] += 1
    return paths


def duplicates_are_noted(path):
    with attempt(f"{path.name}: notes"):
        notes = inspected(path)["notes"]
        expect(f"{path.name}: a note names `a`", True, any("`a`" in note for note in notes))
    with attempt("stored.npz: notes"):
        expect("stored.npz: notes", [], inspected(path.with_name("stored.npz"))["notes"])


def what_is_no_archive_is_refused(folder):
    for path in make_npz.not_archives(folder):
        with attempt(path.name):
            value = value_of(lambda: np.load(path))
            expect(f"{path.name}: NumPy refuses it", True, isinstance(value, Exception))
        COUNTS["refusals"] += 1
        # A header without its data is an array that is refused; any other file has no directory.
        commands = ["export"] if path.suffix == ".npy" else ["inspect", "export"]
        for command in commands:
            more = [f"--array={path.stem}", "-o", folder / "refused.arrow"] if command == "export" else []
            expect_refusal(f"{path.name}: {command}", command, path, *more, saying=[path.name])


def refusals_harm_no_other_member(folder):
    for path in make_npz.refusals(folder):
        expected = expect_file(path, folder)
        readable = [name for name, reading in expected.items() if is_readable(reading)]
        expect(f"{path.name}: plain members", ["plain"], readable)


def files_of_other_projects(folder):
    paths = sorted(path for path in THIRD_PARTY.rglob("*") if path.suffix in (".npz", ".npy"))
    if not paths:
        failed("files of other projects", f"some in {THIRD_PARTY}", "none")
    for path in paths:
        expect_file(path, folder)
        COUNTS["files of other projects"] += 1
    return paths


# --- layouts

class Scan(typing.NamedTuple):
    """Positions (M,) each and patterns (M, H, W) as NumPy reads them; patterns may be missing."""

    x: np.ndarray
    y: np.ndarray
    patterns: np.ndarray | None


def member_scan(x, y, patterns):
    return lambda npz: Scan(npz[x], npz[y], npz[patterns] if patterns else None)


def yx_scan(positions, patterns):
    """Columns of positions are (y, x); leading axes of 1 are dropped."""
    def read(npz):
        position = npz[positions].reshape(-1, 2)
        return Scan(position[:, 1], position[:, 0], npz[patterns].reshape(-1, *npz[patterns].shape[-2:]))
    return read


def legacy_scan(npz):
    return Scan(npz["xcoords"], npz["ycoords"], np.moveaxis(npz["diffraction"], -1, 0))


def raster_scan(npz):
    """Scan row, scan column, y, x: positions are steps of the raster."""
    rows, columns, *image = npz["arr_0"].shape
    y, x = np.divmod(np.arange(rows * columns), columns)
    return Scan(x, y, npz["arr_0"].reshape(rows * columns, *image))


def joined_scan(patterns_path):
    """Patterns out of a file of their own, joined by frame number."""
    def read(npz):
        with np.load(patterns_path) as other:
            row_of = {frame: row for row, frame in enumerate(other["indexes"].tolist())}
            rows = [row_of[frame] for frame in npz["probe_position_indexes"].tolist()]
            return Scan(npz["probe_position_x_m"], npz["probe_position_y_m"], other["patterns"][rows])
    return read


RAW = member_scan("xcoords", "ycoords", "diff3d")
LAYOUTS = {
    "ptychopinn_raw": ("PtychoPINN raw", "pixels", RAW),
    "ptychopinn_counts": ("PtychoPINN raw", "pixels", RAW),
    "ptychopinn_foreign": ("PtychoPINN raw", "pixels", RAW),
    "ptychopinn_prepared": ("PtychoPINN prepared", "pixels", member_scan("xcoords", "ycoords", "diffraction")),
    "legacy": ("legacy", "pixels", legacy_scan),
    "ptychodus_product": ("ptychodus product", "metres", member_scan("probe_position_x_m", "probe_position_y_m", None)),
    "ptychonn": ("PtychoNN", "metres", yx_scan("position", "reciprocal")),
    "ptychonn_2020": ("PtychoNN 2020", "steps", raster_scan),
    "tike": ("tike", "pixels", yx_scan("scan", "data")),
    "tike_3d": ("tike", "pixels", yx_scan("scan", "data")),
    "scan_path": ("scan path", "steps", member_scan("x", "y", None)),
}


def nearest(x, y, point):
    """The K nearest other points by brute force, in the order of (squared distance, index)."""
    squared = (x - x[point]) ** 2 + (y - y[point]) ** 2
    others = np.delete(np.arange(len(x)), point)
    return others[np.lexsort([others, squared[others]])][:K]


def tensor(table, name, shape):
    field = table.schema.field(name)
    assert isinstance(field.type, pa.FixedShapeTensorType), f"{name} is {field.type}"
    return column_values(table[name])[0].reshape(table.num_rows, *shape)


def expect_equal_arrays(what, expected, found):
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return failed(what, (expected.dtype, expected.shape), (found.dtype, found.shape))
    if not np.array_equal(expected, found):
        at = tuple(np.argwhere(expected != found)[0].tolist())
        failed(f"{what} at {at}", expected[at], found[at])


def expect_members_are_near(what, x, y, seeds, nn):
    for group, (seed, members) in enumerate(zip(seeds, nn)):
        expect(f"{what}: group {group} has distinct members", C, len(set(members.tolist())))
        strangers = set(members.tolist()) - set(nearest(x, y, seed).tolist())
        expect(f"{what}: group {group}, members not among the {K} nearest of {seed}", set(), strangers)


def expect_groups(what, path, scan, folder, *options, **variables):
    """Groups are what NumPy's own reading gives; returns the file's bytes."""
    groups = min(GROUPS, len(scan.x))
    columns = ["group_id", "seed_point", "nn_indices", "coords_nn"]
    columns += ["diffraction"] if scan.patterns is not None else []
    output = folder / "groups.arrow"
    spec = ["--neighbors", K, "--n-groups", groups, "--seed", 7, "--columns", ",".join(columns)]
    run("group", path, *spec, "-o", output, "--force", *options, **variables)
    table = table_of(output)
    expect(f"{what}: columns", columns, table.column_names)
    expect(f"{what}: group_id", list(range(groups)), table["group_id"].to_pylist())
    nn, seeds = column_values(table["nn_indices"])[0].reshape(-1, C), table["seed_point"].to_numpy()
    expect(f"{what}: number of seed points", groups, len(set(seeds.tolist())))
    x, y = scan.x.astype("f8"), scan.y.astype("f8")
    expect_members_are_near(what, x, y, seeds, nn)
    coords = np.stack([x[nn], y[nn]], axis=1)[:, None]
    expect_equal_arrays(f"{what}: coords_nn", coords, tensor(table, "coords_nn", coords.shape[1:]))
    if scan.patterns is not None:
        patterns = scan.patterns[nn].astype("f4")
        expect_equal_arrays(f"{what}: diffraction", patterns, tensor(table, "diffraction", patterns.shape[1:]))
    return output.read_bytes()


def scan_of(path, read):
    with np.load(path) as npz:
        return read(npz)


def expect_layout(path, layout, unit, scan):
    report = inspected(path)
    if "scan" not in report:
        return failed(f"{path.name}: layout", layout, report.get("problem", "neither scan nor problem"))
    found = report["scan"]
    expect(f"{path.name}: layout", layout.lower(), found["layout"].lower().split(" (")[0])
    expect(f"{path.name}: unit", unit, found["unit"])
    expect(f"{path.name}: positions", len(scan.x), found["positions"])
    expect(f"{path.name}: has a reason and a runner-up", (True, True), (bool(found["reason"]), "runner_up" in found))


def every_layout_is_grouped_as_numpy_reads_it(folder):
    make_npz.layouts(folder)
    for name, (layout, unit, read) in LAYOUTS.items():
        path = folder / f"{name}.npz"
        scan = scan_of(path, read)
        with attempt(f"{path.name}: inspect"):
            expect_layout(path, layout, unit, scan)
        with attempt(f"{path.name}: group"):
            expect_groups(path.name, path, scan, folder)
        COUNTS["layouts"] += 1


def cleaned_scans_are_what_numpy_indexes(folder, layouts):
    """`export --among ... -o clean.npz`: members with a row a scan point are cut, all others stay as they are."""
    for name, (layout, unit, read) in LAYOUTS.items():
        path, output = layouts / f"{name}.npz", folder / f"{name}.npz"
        scan = scan_of(path, read)
        keep = np.arange(len(scan.x)) % 3 != 1
        asked = ["export", path, "--among", "scan_point % 3 <> 1", "-o", output]
        if name == "ptychonn_2020":
            expect_refusal("a raster cannot be cut", *asked, saying=["2 axes", ".arrow"])
            continue
        with attempt(f"{path.name}: clean"):
            run(*asked)
            with np.load(path, allow_pickle=True) as before, np.load(output, allow_pickle=True) as after:
                provenance = json.loads(after["_ptychoarrow"].item())
                expect(f"{name}: provenance", ("scan_point % 3 <> 1", int(keep.sum())), (provenance["among"], provenance["scan_points"]))
                added = set(after.files) - set(before.files) - {"_ptychoarrow"}
                for key in added:
                    expect_equal_arrays(f"{name}: {key}", np.flatnonzero(keep), after[key])
                for key in before.files:
                    expect_cut(f"{name}: {key}", before[key], after[key], keep)
            cleaned = scan_of(output, read)
            kept = Scan(scan.x[keep], scan.y[keep], None if scan.patterns is None else scan.patterns[keep])
            for what, expected, found in zip(Scan._fields, kept, cleaned):
                if expected is not None:
                    expect_equal_arrays(f"{name}: {what} as its layout has it", expected, found)
            expect_layout(output, layout, unit, kept)
            again = folder / "again.npz"
            run("export", output, "--among", "scan_point < 9", "-o", again, "--force")
            with np.load(again, allow_pickle=True) as twice:
                expect(f"{name}: provenance of two", provenance, json.loads(twice["_ptychoarrow"].item())["before"])
            first = output.read_bytes()
            run(*asked, "--force")
            expect(f"{name}: the same bytes", True, first == output.read_bytes())
        COUNTS["cleaned scans"] += 1


def expect_cut(what, before, after, keep):
    """The rows that were kept along whichever axis counts scan points, or all."""
    if before.shape == after.shape:
        if before.dtype != object:
            expect_equal_arrays(what, before, after)
        return
    axes = [axis for axis, (was, now) in enumerate(zip(before.shape, after.shape)) if was != now]
    expect(f"{what}: one axis is cut", 1, len(axes))
    expect_equal_arrays(what, np.compress(keep, before, axis=axes[0]), after)


def patterns_are_joined_by_frame_number(folder):
    product, patterns = folder / "ptychodus_product.npz", folder / "ptychodus_patterns.npz"
    with attempt("ptychodus: product and patterns"):
        scan = scan_of(product, joined_scan(patterns))
        # Some frames have no position: they are left out by the user's word alone.
        both = ["--patterns", patterns]
        asked = ["group", product, *both, "-o", folder / "refused.arrow"]
        expect_refusal("ptychodus product and patterns", *asked, codes=(1, 2), saying=["--unpaired drop"])
        expect_groups("ptychodus product and patterns", product, scan, folder, *both, "--unpaired", "drop")
    COUNTS["layouts"] += 1
    output = ["-o", folder / "refused.arrow"]
    asked = ["group", product, "--columns", "diffraction", *output]
    expect_refusal("ptychodus product alone has no patterns", *asked, codes=(1, 2), saying=["diffraction"])
    expect_refusal("ptychodus patterns alone have no positions", "group", patterns, *output, saying=[patterns.name])


def grouped_files_are_not_grouped_again(folder):
    path = folder / "ptychopinn_grouped.npz"
    expect_refusal("PtychoPINN grouped", "group", path, "-o", folder / "refused.arrow", saying=["groups"])
    with attempt("PtychoPINN grouped: inspect"):
        problem = inspected(path).get("problem", "")
        expect("PtychoPINN grouped: inspect says that it holds groups", True, "groups" in problem)
    COUNTS["layouts"] += 1


def the_pattern_axis_is_asked_for(folder):
    path = folder / "as_many_pixels_as_positions.npz"
    scan = scan_of(path, RAW)
    with attempt("M = N"):
        # All files of the layout count their patterns along the first axis.
        expect_groups("M = N", path, scan, folder)
    for axis, patterns in [("first", scan.patterns), ("last", np.moveaxis(scan.patterns, -1, 0))]:
        what = f"M = N, --pattern-axis {axis}"
        with attempt(what):
            expect_groups(what, path, scan._replace(patterns=patterns), folder, "--pattern-axis", axis)
    unknown = folder / "as_many_pixels_as_positions_dp.npz"
    with np.load(path) as npz:
        members = {"dp" if name == "diff3d" else name: npz[name] for name in npz.files}
    np.savez(unknown, **members)
    asked = ["group", unknown, "--columns", "diffraction", "-o", folder / "refused.arrow"]
    expect_refusal("M = N, no layout", *asked, codes=(1, 2), saying=["--pattern-axis"])
    COUNTS["ambiguous files"] += 1


def the_position_order_is_asked_for(folder):
    for name, shape in make_npz.COMBINED.items():
        path, output = folder / f"combined_{name}.npz", folder / "refused.arrow"
        what = f"positions in `{name}` {shape}"
        expect_refusal(what, "group", path, "-o", output, codes=(1, 2), saying=["--position-order"])
        with np.load(path) as npz:
            first, second = npz[name] if shape[0] == 2 else npz[name].T[:2]
            # A letter a column: z is neither.
            more = "z" if 3 in shape else ""
            orders = {"xy": Scan(first, second, npz["patterns"]), "yx": Scan(second, first, npz["patterns"])}
            orders = {order + more: scan for order, scan in orders.items()}
        for order, scan in orders.items():
            with attempt(f"{what}, --position-order {order}"):
                expect_groups(f"{what}, --position-order {order}", path, scan, folder, "--position-order", order)
        COUNTS["ambiguous files"] += 1


def members_are_found_by_their_synonyms(folder):
    for path, x, y, patterns in make_npz.synonyms(folder):
        with attempt(f"{path.name}: group"):
            expect_groups(path.name, path, scan_of(path, member_scan(x, y, patterns)), folder)
        COUNTS["synonyms"] += 1


def roles_may_be_named(folder):
    path = folder / "roles.npz"
    rng = make_npz.random(27)
    across, down, shots = make_npz.pixels(rng), make_npz.pixels(rng), make_npz.counts(rng, make_npz.M, 8, 6)
    np.savez(path, across=across, down=down, shots=shots)
    with attempt("--role"):
        roles = [f"--role={role}" for role in ("x=across", "y=down", "diffraction=shots")]
        expect_groups("--role", path, Scan(across, down, shots), folder, *roles)
    expect_refusal("no roles", "group", path, "-o", folder / "refused.arrow", saying=["--role"])


# --- align

def member_bytes(path):
    """The bytes of every member, by its name in the archive."""
    with zipfile.ZipFile(path) as archive, warnings.catch_warnings(action="ignore"):
        assert archive.testzip() is None, f"{archive.testzip()} is damaged"
        return {name: archive.read(name) for name in archive.namelist()}


def expect_aligned_array(what, before, after, little):
    dtype = before.value.dtype
    expect(f"{what}: dtype", dtype.newbyteorder("<") if little else dtype, after.value.dtype)
    expect(f"{what}: shape", before.value.shape, after.value.shape)
    values = in_native_order(before.value) if little else before.value
    found = in_native_order(after.value) if little else after.value
    if values.tobytes() != found.tobytes():
        failed(f"{what}: values", values.ravel()[:8].tolist(), found.ravel()[:8].tolist())
    if is_readable(before):
        expect(f"{what}: fortran_order", False, after.fortran_order)
        expect(f"{what}: byte_offset modulo 64", 0, after.byte_offset % 64)


def expect_all_mapped(path):
    for array in inspected(path)["arrays"]:
        dtype = np.dtype(array["dtype"]) if array["access"] != "refused" else np.dtype(object)
        if dtype.kind in "iufc" and dtype.byteorder != ">":
            expect(f"{path.name} {array['name']}: access", "mapped", array["access"])


def expect_aligned(path, folder, *options, **variables):
    output, again, what = folder / "aligned.npz", folder / "again.npz", f"align {path.name} {' '.join(options)}".strip()
    for target in (output, again):
        run("align", path, "-o", target, "--force", *options, **variables)
    expect(f"{what}: the same bytes again", True, output.read_bytes() == again.read_bytes())
    before, after = readings(path), readings(output)
    expect(f"{what}: names", sorted(before), sorted(after))
    for name in before.keys() & after.keys():
        expect(f"{what} {name}: method", "stored", after[name].method)
        if isinstance(before[name].value, np.ndarray):
            with attempt(f"{what} {name}"):
                expect_aligned_array(f"{what} {name}", before[name], after[name], "little" in options)
    if path.suffix == ".npz":
        expect_raw_members(what, before, path, output)
    expect_all_mapped(output)
    COUNTS["aligned files"] += 1


def expect_raw_members(what, before, path, output):
    """What is no array is kept byte for byte, under its own name."""
    old, new = member_bytes(path), member_bytes(output)
    arrays = {name for name, reading in before.items() if isinstance(reading.value, np.ndarray)}
    for name in old:
        if name not in arrays and name.removesuffix(".npy") not in arrays:
            expect(f"{what} {name}: bytes", old[name], new.get(name, "no such member"))


def aligning_keeps_what_numpy_reads(folder, paths):
    for path in paths:
        with attempt(f"align {path.name}"):
            expect_aligned(path, folder)
    for path in paths[:2]:
        with attempt(f"align {path.name} --byte-order little"):
            expect_aligned(path, folder, "--byte-order", "little")


# --- other ways to read

def a_sample(path, step):
    """Every `step`-th readable member of a file."""
    readable = [name for name, reading in readings(path).items() if is_readable(reading)]
    return [(path, name) for name in readable[::step]]


def expect_same_export(path, name, folder, *options, **variables):
    what = f"{path.name} {name} with {' '.join(options)}"
    with attempt(what):
        usual = exported(path, name, folder / "usual.arrow").read_bytes()
        other = exported(path, name, folder / "other.arrow", *options, **variables).read_bytes()
        expect(f"{what}: the same bytes", True, usual == other)


def expect_same_groups(path, folder, *options, **variables):
    what, scan = f"{path.name}: groups with {' '.join(options)}", scan_of(path, LAYOUTS[path.stem][2])
    with attempt(what):
        usual = expect_groups(what, path, scan, folder)
        expect(f"{what}: the same bytes", True, usual == expect_groups(what, path, scan, folder, *options, **variables))


def positioned_reads_give_the_same(folder, samples, layouts):
    for path, name in samples:
        expect_same_export(path, name, folder, "--access", "read")
        COUNTS["exports by positioned reads"] += 1
    for path in layouts:
        expect_same_groups(path, folder, "--access", "read")


def scratch_files_give_the_same_and_go(folder, samples, layout):
    scratch = folder / "scratch"
    scratch.mkdir()
    options, variables = ["--inflate-memory", "1KiB"], {"TMPDIR": str(scratch)}
    for path, name in samples:
        expect_same_export(path, name, folder, *options, **variables)
        COUNTS["exports by scratch files"] += 1
    expect_same_groups(layout, folder, *options, **variables)
    with attempt("align by scratch files"):
        expect_aligned(samples[0][0], folder, *options, **variables)
    expect("files left in the temporary folder", [], os.listdir(scratch))


# --- all

def subfolder(folder, name):
    (folder / name).mkdir()
    return folder / name


def members_beyond_4_gib_are_read(folder):
    path = folder / "beyond.npz"
    free, needed = free_memory(), 7_000_000_000
    try:
        make_npz.beyond_4_gib(path)
    except OSError as error:
        print(f"skipped: no file of 5.2 GB in {folder} ({error})")
        return
    if free < needed:
        print(f"skipped: NumPy needs {needed} bytes of memory for a member of 5.2 GB, {free} are free")
        return
    with attempt("a member beyond 4 GiB"):
        theirs = np.load(path)["diff3d"][list(make_npz.ROWS_BEYOND)]
        points = ", ".join(map(str, make_npz.ROWS_BEYOND))
        for access in ("map", "read"):
            output = folder / f"beyond_{access}.arrow"
            predicate = f"scan_point IN ({points})"
            run("export", path, "--among", predicate, "--columns", "diffraction", "--access", access, "-o", output)
            with pa.memory_map(str(output)) as source:
                ours = pa.ipc.open_file(source).read_all()["diffraction"].combine_chunks().to_numpy_ndarray()
                expect(f"a member beyond 4 GiB, {access}", True, np.array_equal(ours, theirs))
        COUNTS["members beyond 4 GiB"] += 1
    path.unlink()


def free_memory():
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("MemAvailable:")]
    return int(line.split()[1]) * 1024


def check(folder):
    matrix, layouts = subfolder(folder, "matrix"), subfolder(folder, "layouts")
    every_dtype_order_shape_version_and_method(matrix)
    methods_that_this_python_lacks()
    bare_files_are_archives_of_one_member(subfolder(folder, "bare"))
    containers = containers_in_every_dress(subfolder(folder, "containers"))
    what_is_no_archive_is_refused(subfolder(folder, "not_archives"))
    refusals_harm_no_other_member(subfolder(folder, "refusals"))
    other_projects = files_of_other_projects(subfolder(folder, "other_projects"))
    every_layout_is_grouped_as_numpy_reads_it(layouts)
    cleaned_scans_are_what_numpy_indexes(subfolder(folder, "cleaned"), layouts)
    patterns_are_joined_by_frame_number(layouts)
    grouped_files_are_not_grouped_again(layouts)
    the_pattern_axis_is_asked_for(layouts)
    the_position_order_is_asked_for(layouts)
    members_are_found_by_their_synonyms(subfolder(folder, "synonyms"))
    roles_may_be_named(subfolder(folder, "roles"))
    full, pairs = matrix / "every_dtype_in_every_order.npz", matrix / "pairwise_rest.npz"
    large = make_npz.compressible(folder / "compressible.npz")
    to_align = [full, pairs, large, matrix / "odd_headers.npz", matrix / "odd_shapes.npz"]
    to_align += [folder / "refusals" / "all_deflated.npz", folder / "bare" / "fortran.npy"]
    to_align += [*containers.values(), *(matrix / f"by_{name}.npz" for name in make_npz.COMPRESSED)]
    to_align += [path for path in other_projects if path.suffix == ".npz"]
    to_align += [layouts / f"{name}.npz" for name in ("ptychopinn_foreign", "ptychopinn_prepared", "tike")]
    aligning_keeps_what_numpy_reads(subfolder(folder, "aligned"), to_align)
    samples = [*a_sample(full, 11), *a_sample(pairs, 21), *a_sample(large, 1), (folder / "bare" / "plain.npy", "plain")]
    compressed = [matrix / f"by_{name}.npz" for name in make_npz.COMPRESSED]
    samples += [sample for path in compressed for sample in a_sample(path, 9)]
    names = ("ptychopinn_raw", "ptychopinn_foreign", "ptychopinn_prepared", "tike")
    grouped = [layouts / f"{name}.npz" for name in names]
    positioned_reads_give_the_same(subfolder(folder, "positioned"), samples, grouped)
    samples = [*a_sample(large, 1), *a_sample(pairs, 37)]
    samples += [sample for path in compressed for sample in a_sample(path, 5)]
    scratch_files_give_the_same_and_go(subfolder(folder, "inflated"), samples, layouts / "ptychopinn_prepared.npz")
    members_beyond_4_gib_are_read(subfolder(folder, "beyond"))


def main():
    with tempfile.TemporaryDirectory() as name:
        check(pathlib.Path(name))
    for failure in FAILED:
        print(failure)
    counts = ", ".join(f"{count} {what}" for what, count in COUNTS.items())
    print(f"NumPy {'disagrees' if FAILED else 'agrees'}: {counts}, {len(FAILED)} failed")
    sys.exit(1 if FAILED else 0)


main()

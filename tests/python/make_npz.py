"""NumPy files of every kind, each function writes some of them; the same bytes on every run.

usage: make_npz.py FOLDER
"""

import gzip
import io
import itertools
import pathlib
import pickle
import struct
import sys
import unittest.mock
import warnings
import zipfile
import zlib

import numpy as np

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
# Methods that NumPy reads beside those it writes; Zstandard from Python 3.14 on.
COMPRESSED = {"bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
if hasattr(zipfile, "ZIP_ZSTANDARD"):
    COMPRESSED["zstd"] = zipfile.ZIP_ZSTANDARD
VERSIONS = [(1, 0), (2, 0), (3, 0)]

NUMBERS = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
TEXT = "S1 S3 S7 U1 U5".split()
DATES = "M8[ns] M8[us] M8[ms] M8[s] M8[m] M8[h] M8[D] M8[W] M8[M] M8[Y] M8[25s] M8[10ns] M8[6h] M8[2D] M8[3M]".split()
DURATIONS = "m8[ns] m8[us] m8[ms] m8[s] m8[m] m8[h] m8[D] m8[W] m8[25s] m8[2W]".split()
DTYPES = NUMBERS + TEXT + DATES + DURATIONS

# Arrays of these are listed and refused: Arrow has no type for them, or its types are too coarse.
REFUSED = "f16 c32 V3 m8 m8[M] m8[Y] m8[3M] M8[ps] M8[fs] M8[as] m8[ps] m8[fs] m8[as]".split()

FULL_SHAPES = [(3, 4), (4, 3, 2), (2, 3, 1, 4)]
# Seven shapes: coprime to the 24 ways to write one, so that any two choices meet.
SHAPES = [(), (3,), (0,), (4, 0), (3, 1, 4), (2, 0, 3), (3, 1, 4, 2)]

BYTES = ["", "a", "xyz", "a b", "é", "日", "a\0b", "zero\0to", "seven--"]
WORDS = ["", "a", "é", "Ω", "🔬", "日本", "a\0b", "𝒳𝒴𝒵𝒳𝒴", "naïve", " b "]

M, N = 40, 8


# --- values

def random(seed):
    return np.random.default_rng(seed)


def float_bits(size):
    """A signalling NaN, a negative NaN with a payload, infinity, -0.0, the smallest subnormal."""
    mantissa = {2: 10, 4: 23, 8: 52}[size]
    sign = 1 << (8 * size - 1)
    infinity = sign - (1 << mantissa)
    return np.array([infinity | 1, sign | infinity | 3 << (mantissa - 2), infinity, sign, 1], f"u{size}")


def numbers(dtype, count, rng):
    array = np.frombuffer(rng.bytes(count * dtype.itemsize), dtype).copy()
    if dtype.kind in "fc":
        parts = array.view(f"u{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
        special = float_bits(parts.itemsize)[: parts.size]
        parts[: special.size] = special
    return array


def words(dtype, count, rng):
    if dtype.kind == "U":
        fitting = [word for word in WORDS if len(word) <= dtype.itemsize // 4]
    else:
        fitting = [word.encode() for word in BYTES if len(word.encode()) <= dtype.itemsize]
    start = rng.integers(len(fitting))
    return np.array([fitting[(start + i) % len(fitting)] for i in range(count)], dtype)


def times(dtype, count, rng):
    unit, _ = np.datetime_data(dtype)
    fits_days = {"D": 10**6, "W": 10**5, "M": 10**4, "Y": 2000}
    limit = fits_days.get(unit, 10**9 if unit in "mh" else 10**15)
    array = rng.integers(-limit, limit, count).view(dtype)
    array[-1:] = "NaT" if count > 1 else array[-1:]
    return array


def values(dtype, shape, seed=0):
    """Any array of this dtype in native byte order and C order."""
    dtype, count, rng = np.dtype(dtype), int(np.prod(shape)), random(seed)
    if dtype.kind == "b":
        array = rng.integers(0, 2, count).astype(bool)
    elif dtype.kind in "SU":
        array = words(dtype, count, rng)
    elif dtype.kind in "mM":
        array = times(dtype, count, rng)
    else:
        array = numbers(dtype, count, rng)
    return array.reshape(shape)


def big_endian(array):
    return array.astype(array.dtype.newbyteorder(">")) if array.dtype.kind in "mMU" else swapped(array)


def swapped(array):
    """The same values in the other byte order, bit for bit: a cast might quieten a NaN."""
    return array.byteswap().view(array.dtype.newbyteorder())


# --- NPY and zip

def npy(array, version=None):
    """The bytes of a .npy file."""
    out = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        np.lib.format.write_array(out, array, version=version)
    return out.getvalue()


def npy_saying(header, data):
    """A .npy file with this header text, unpadded."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def header(descr, shape, fortran_order=False):
    return str({"descr": descr, "fortran_order": fortran_order, "shape": shape}) + "\n"


def member(name, method=STORED, **fields):
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def write_zip(out, members, method=STORED, comment=b"", zip64=False):
    """Writes pairs of name (or ZipInfo) and bytes; `out` is a path or a file object."""
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(out, "w") as archive:
        archive.comment = comment
        for name, data in members:
            info = name if isinstance(name, zipfile.ZipInfo) else member(name, method)
            with archive.open(info, "w", force_zip64=zip64) as file:
                file.write(data)
    return out


# --- every dtype, byte order, order, shape, version and method

def label(array, *more):
    order = "C" if array.flags.c_contiguous else "F"
    return "_".join([array.dtype.str, order, "x".join(map(str, array.shape)) or "0d", *more])


def byte_orders(dtype):
    return "<>" if np.dtype(dtype).newbyteorder(">") != np.dtype(dtype).newbyteorder("<") else "<"


def arranged(array, byte_order, order):
    array = big_endian(array) if byte_order == ">" else array
    return np.asarray(array, order=order)


def every_dtype_in_every_order(path):
    members = []
    choices = [(dtype, *rest) for dtype in DTYPES for rest in itertools.product(byte_orders(dtype), "CF")]
    for seed, (dtype, byte_order, order) in enumerate(choices):
        array = arranged(values(dtype, FULL_SHAPES[seed % 3], seed), byte_order, order)
        members.append((label(array) + ".npy", npy(array)))
    return write_zip(path, members)


def pairwise_rest(path):
    """Each dtype in each shape; version, method, byte order and order take turns."""
    members = []
    for turn, (dtype, shape) in enumerate(itertools.product(DTYPES, SHAPES)):
        version, method, orders = VERSIONS[turn % 3], (STORED, DEFLATED)[turn // 3 % 2], byte_orders(dtype)
        array = arranged(values(dtype, shape, 1000 + turn), orders[turn // 6 % len(orders)], "CF"[turn // 12 % 2])
        name = label(array, f"v{version[0]}", "stored" if method == STORED else "deflated")
        members.append((member(name + ".npy", method), npy(array, version)))
    return write_zip(path, members)


def every_dtype_compressed(path, method):
    """Each dtype in a random shape, by one method; and members of several blocks and of more than a dictionary."""
    members, rng = [], random(method)
    for turn, dtype in enumerate(DTYPES):
        shape, orders = rng.integers(0, 6, rng.integers(0, 4)), byte_orders(dtype)
        array = arranged(values(dtype, tuple(shape), 2000 + turn), orders[turn % len(orders)], "CF"[turn // 2 % 2])
        members.append((f"{turn}_{label(array)}.npy", npy(array)))
    large = {"counts": rng.poisson(3, (200, 64, 64)).astype("u2"), "noise": rng.random((90, 64, 64), "f4")}
    large |= {"zeros": np.zeros((40, 512, 512), "u1"), "ramp": np.arange(1_500_000) // 7}
    members += [(f"{name}.npy", npy(array)) for name, array in large.items()]
    return write_zip(path, members, method)


def odd_headers(path):
    """Headers that NumPy reads, though it would write them otherwise."""
    f4 = values("f4", (6,), 1).tobytes()
    members = {
        "S0": npy_saying(header("|S0", (3,)), b""),
        "U0": npy_saying(header("<U0", (2, 2)), b""),
        "fortran order of one axis": npy_saying(header("<f4", (6,), True), f4),
        "fortran order of no axis": npy_saying(header("<f4", (), True), f4[:4]),
        "fortran order, one long axis": npy_saying(header("<f4", (1, 6, 1), True), f4),
        "fortran order, zero length": npy_saying(header("<f4", (3, 0, 2), True), b""),
        "no byte order": npy_saying(header("f4", (2, 3)), f4),
        "a name": npy_saying(header("float32", (2, 3)), f4),
        "native byte order": npy_saying(header("=f4", (2, 3)), f4),
        "byte order of one byte": npy_saying(header("<i1", (4,)), b"\x00\x7f\x80\xff"),
        "bool as a question mark": npy_saying(header("?", (4,)), b"\0\1\1\0"),
        "other quotes, other order": npy_saying('{"shape": (6,), "fortran_order": False, "descr": "<f4"}', f4),
        "a long header": npy_saying(header("<f4", (6,)).replace("\n", " " * 5000 + "\n"), f4),
        "more data than the shape asks for": npy_saying(header("<f4", (2,)), f4),
    }
    return write_zip(path, [(name + ".npy", data) for name, data in members.items()])


def odd_shapes(path):
    arrays = [values("f4", shape, 2) for shape in [(1,), (1, 4), (1, 1, 1), (0, 3), (0, 0), (1,) * 32, (2,) * 9]]
    arrays += [np.array("NaT", dtype) for dtype in ("M8[ns]", "M8[D]", "M8[M]", "m8[h]", ">m8[us]")]
    extremes = np.array([np.iinfo("i8").min + 1, np.iinfo("i8").max])
    arrays += [extremes.view(dtype) for dtype in ("M8[ns]", "M8[s]", "m8[us]")]
    arrays += [np.full((2, 2), "NaT", "M8[W]"), np.array(["1968-02", "1600-12"], "M8[M]")]
    arrays += [np.array(["1969-12-31", "1970-01-01", "0001-01-01", "9999-12-31"], "M8[D]")]
    arrays += [np.array(["-0001", "0000", "0004", "1900"], "M8[Y]")]
    members = [(f"{turn}_{label(array)}.npy", npy(array)) for turn, array in enumerate(arrays)]
    return write_zip(path, members)


def as_numpy_saves(folder):
    """By np.savez and np.savez_compressed themselves."""
    arrays = {f"{dtype} é": values(dtype, (3, 2), 3) for dtype in NUMBERS}
    paths = [folder / "savez.npz", folder / "savez_compressed.npz"]
    np.savez(paths[0], values("f8", (4,), 4), values("u2", (2, 2), 5), **arrays)
    np.savez_compressed(paths[1], values("f8", (4,), 4), values("u2", (2, 2), 5), **arrays)
    return paths


def matrix(folder):
    return [
        every_dtype_in_every_order(folder / "every_dtype_in_every_order.npz"),
        pairwise_rest(folder / "pairwise_rest.npz"),
        odd_headers(folder / "odd_headers.npz"),
        odd_shapes(folder / "odd_shapes.npz"),
        *(every_dtype_compressed(folder / f"by_{name}.npz", method) for name, method in COMPRESSED.items()),
        *as_numpy_saves(folder),
    ]


def bare(folder):
    """Files of one array without an archive."""
    arrays = {
        "plain": values("f4", (3, 4), 1),
        "with.dots in name": values("i8", (5,), 2),
        "fortran": np.asfortranarray(values("c16", (3, 2), 3)),
        "big_endian": big_endian(values("f8", (2, 3, 2), 4)),
        "zero_d": values("u2", (), 5),
        "words": values("U5", (4,), 6),
        "empty": values("f4", (0, 3), 7),
    }
    for turn, (name, array) in enumerate(arrays.items()):
        (folder / f"{name}.npy").write_bytes(npy(array, VERSIONS[turn % 3]))
    (folder / "no_suffix").write_bytes(npy(values("f4", (3,), 8)))
    return [folder / f"{name}.npy" for name in arrays] + [folder / "no_suffix"]


# --- containers

class Pipe(io.RawIOBase):
    """A stream that cannot be sought in: `zipfile` then writes sizes behind the data."""

    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.bytes += data
        return len(data)


def three():
    arrays = {"a.npy": values("f4", (3, 4), 1), "b.npy": values("i8", (5,), 2), "c.npy": values("U5", (4,), 3)}
    return [(name, npy(array)) for name, array in arrays.items()]


def streamed(path, method=STORED, zip64=False):
    path.write_bytes(write_zip(Pipe(), three(), method, zip64=zip64).bytes)


def zip64_directory(path, sentinels):
    """All sizes and offsets in ZIP64 fields; the end record has true numbers or, as in large archives, only ones."""
    with unittest.mock.patch.object(zipfile, "ZIP64_LIMIT", 10):
        write_zip(path, three(), zip64=True)
    if sentinels:
        raw = path.read_bytes()
        path.write_bytes(raw[:-14] + b"\xff" * 12 + raw[-2:])


def extra_fields(path):
    extra = struct.pack("<HHBI", 0x5455, 5, 1, 0) + struct.pack("<HH3s", 0x1234, 3, b"own")
    write_zip(path, [(member(name, extra=extra, comment=b"of a member"), data) for name, data in three()])


def different_extra_fields(path):
    """The local headers alone have an extra field, as aligning tools write it."""
    infos = [(member(name, extra=struct.pack("<HH33x", 0xD935, 33)), data) for name, data in three()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in infos:
            archive.writestr(info, data)
            info.extra = b""


def other_order(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in three():
            archive.writestr(member(name), data)
        archive.filelist.reverse()


def unlisted(path):
    """A member that was deleted from the directory, its bytes still there."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [("old.npy", npy(values("f4", (9,), 9))), *three()]:
            archive.writestr(member(name), data)
        del archive.filelist[0], archive.NameToInfo["old.npy"]


def appended(path):
    write_zip(path, three())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member("d.npy", DEFLATED), npy(values("f8", (3, 3), 4)))


def after_the_end(path, data):
    write_zip(path, three())
    path.write_bytes(path.read_bytes() + data)


def cp437_name(path):
    """A name as DOS had it: no flag says UTF-8, byte 0x82 is an e with an acute accent."""
    write_zip(path, [("caf~ bar.npy", npy(values("f4", (3,), 1))), *three()])
    path.write_bytes(path.read_bytes().replace(b"caf~", b"caf\x82"))


def odd_names(path):
    names = ["with space.npy", "folder/a.npy", "folder/deeper/a b.npy", "no suffix", "dots.in.it.npy", "twice.npy.npy"]
    names += ["UPPER.NPY", "-dash.npy", "quote'\".npy", "back`tick.npy", "a=b.npy", "a,b.npy", "*.npy"]
    names += ["ä.npy", "日本.npy", "🔬.npy"]
    write_zip(path, [(name, npy(values("f4", (2, 3), seed))) for seed, name in enumerate(names)])


def many_members(path):
    write_zip(path, [(f"{i:04}.npy", npy(np.int64(i))) for i in range(3000)])


PATTERNS_BEYOND, SIDE_BEYOND = 20_000, 256
ROWS_BEYOND = (0, 17_000, PATTERNS_BEYOND - 1)


def beyond_4_gib(path):
    """A stored scan whose patterns take 5.2 GB: three have a number in them, the rest is a hole that takes no space."""
    shape = (PATTERNS_BEYOND, SIDE_BEYOND, SIDE_BEYOND)
    pattern_bytes = SIDE_BEYOND**2 * 4
    xs = np.arange(PATTERNS_BEYOND, dtype="<f8")
    directory = b""
    with open(path, "wb") as out:
        for name in ("xcoords", "ycoords", "diff3d"):
            start = npy_saying(header("<f4", shape), b"") if name == "diff3d" else npy(xs)
            size = len(start) + (PATTERNS_BEYOND * pattern_bytes if name == "diff3d" else 0)
            crc = zlib.crc32(start)
            if name == "diff3d":
                for row in range(PATTERNS_BEYOND):
                    crc = zlib.crc32(pattern_beyond(row), crc)
            offset, raw = out.tell(), f"{name}.npy".encode()
            common = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 33, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(raw), 20)
            out.write(b"PK\x03\x04" + common + raw + struct.pack("<HHQQ", 1, 16, size, size) + start)
            data = out.tell()
            if name == "diff3d":
                for row in ROWS_BEYOND:
                    out.seek(data + row * pattern_bytes)
                    out.write(pattern_beyond(row))
            out.truncate(data + size - len(start))
            out.seek(0, 2)
            common = common[:-2] + struct.pack("<HHHHII", 28, 0, 0, 0, 0, 0xFFFFFFFF)
            directory += b"PK\x01\x02" + struct.pack("<H", 45) + common + raw
            directory += struct.pack("<HHQQQ", 1, 24, size, size, offset)
        start = out.tell()
        out.write(directory)
        end = out.tell()
        out.write(struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, end - start, start))
        out.write(struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1))
        out.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))


def pattern_beyond(row):
    if row not in ROWS_BEYOND:
        return ZEROS
    return np.full((SIDE_BEYOND, SIDE_BEYOND), row + 0.5, "<f4").tobytes()


ZEROS = bytes(SIDE_BEYOND**2 * 4)


def containers(folder):
    """Archives in every dress; NumPy reads each."""
    old, new = npy(values("f4", (3,), 8)), npy(values("i2", (2, 2), 9))
    makers = {
        "stored": lambda path: write_zip(path, three()),
        "deflated": lambda path: write_zip(path, three(), DEFLATED),
        "both_methods": lambda path: write_zip(path, [(member("d.npy", DEFLATED), new), *three()]),
        "streamed": streamed,
        "streamed_deflated": lambda path: streamed(path, DEFLATED),
        "streamed_zip64": lambda path: streamed(path, DEFLATED, zip64=True),
        "zip64_local": lambda path: write_zip(path, three(), zip64=True),
        "zip64_directory": lambda path: zip64_directory(path, sentinels=False),
        "zip64_sentinels": lambda path: zip64_directory(path, sentinels=True),
        "extra_fields": extra_fields,
        "different_extra_fields": different_extra_fields,
        "comment": lambda path: write_zip(path, three(), comment=b"about the archive"),
        "longest_comment": lambda path: write_zip(path, three(), comment=b"c" * 65535),
        "bytes_after_the_end": lambda path: after_the_end(path, b"\n\0trailing" * 9),
        "zeros_after_the_end": lambda path: after_the_end(path, bytes(4096)),
        "duplicates": lambda path: write_zip(path, [("a.npy", old), *three(), ("a.npy", new)]),
        "cp437_name": cp437_name,
        "odd_names": odd_names,
        "empty": lambda path: write_zip(path, []),
        "both_a_and_a_npy": lambda path: write_zip(path, [("a", old), ("a.npy", new)]),
        "both_a_npy_and_a": lambda path: write_zip(path, [("a.npy", new), ("a", old)]),
        "raw_a_and_a_npy": lambda path: write_zip(path, [("a", b"no array"), ("a.npy", new)]),
        "other_order": other_order,
        "unlisted": unlisted,
        "appended": appended,
        "folder_entry": lambda path: write_zip(path, [("folder/", b""), ("folder/a.npy", new)]),
        "other_files": lambda path: write_zip(path, [("README.txt", b"text"), ("nothing", b""), *three()]),
        "bzip2": lambda path: write_zip(path, [(member("d.npy", zipfile.ZIP_BZIP2), new), *three()]),
        "lzma": lambda path: write_zip(path, [(member("d.npy", zipfile.ZIP_LZMA), new), *three()]),
        "streamed_bzip2": lambda path: streamed(path, zipfile.ZIP_BZIP2),
        "streamed_lzma": lambda path: streamed(path, zipfile.ZIP_LZMA, zip64=True),
    }
    paths = {name: folder / f"{name}.npz" for name in makers}
    for name, make in makers.items():
        make(paths[name])
    paths["no_suffix"] = write_zip(folder / "no_suffix.data", three())
    return paths


def not_archives(folder):
    """What np.load refuses, as we shall."""
    good = write_zip(folder / "good.npz", three()).read_bytes()
    bad = {
        "prefix.npz": b"#!/bin/sh\n" + good,
        "cut.npz": good[:-30],
        "nothing.npz": b"",
        "text.npz": b"not a zip archive at all\n" * 9,
        "cut.npy": npy(values("f4", (3, 4), 1))[:40],
        "pointer.npz": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 33952592\n",
        "page.npz": b"\n <!DOCTYPE html><html><title>Sign in</title></html>",
        "zeros.npz": bytes(len(good)),
        "gzip.npz": gzip.compress(good),
        **{f"pickle_{protocol}.npz": pickle.dumps({"a": [1.5, 2]}, protocol) for protocol in range(6)},
    }
    (folder / "good.npz").unlink()
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in bad]


# --- what is refused, beside one plain member

def plain():
    return "plain.npy", npy(values("f4", (2, 3), 1))


def refused_arrays():
    objects, record = np.array([{"a": 1}, None], dtype=object), np.zeros(3, [("x", "<f4"), ("y", "<i8", (2,))])
    metadata = np.array('{"schema_version": "1.0"}', dtype=object)
    arrays = {"object": objects, "_metadata": metadata, "structured": record}
    arrays["structured_0d"] = record[0]
    arrays["text of any length"] = np.array(["a", "longer"], np.dtypes.StringDType())
    # As NumPy stores the types of ml_dtypes: bfloat16, float8_e5m2.
    arrays |= {"bfloat16": np.zeros((2, 2), "V2"), "float8": np.zeros((2, 2), "V1")}
    for dtype in REFUSED:
        arrays[dtype] = np.zeros((2, 2), dtype)
    arrays["big-endian long double"] = np.zeros(2, ">f16")
    return arrays


def refusals(folder):
    """All of them in an archive, stored and deflated, and some alone beside the plain member."""
    members = [(f"{name}.npy", npy(array)) for name, array in refused_arrays().items()]
    members.append(("NaT without unit.npy", npy(np.array(["NaT", "NaT"], "M8"))))
    members.append(("cut short.npy", npy(values("f4", (3, 4), 2))[:-5]))
    members.append(("version 9.npy", npy(values("f4", (3,), 2)).replace(b"NUMPY\x01", b"NUMPY\x09")))
    paths = [write_zip(folder / "all.npz", [*members, plain()])]
    paths += [write_zip(folder / "all_deflated.npz", [*members, plain()], DEFLATED)]
    for name, data in members:
        if name in ("_metadata.npy", "structured.npy", "f16.npy", "m8.npy", "cut short.npy"):
            paths.append(write_zip(folder / f"{name[:-4]}_alone.npz", [(name, data), plain()]))
    return paths


# --- layouts, one file per row of the table of them; M positions, N x N pixels

def pixels(rng, count=M):
    return rng.uniform(10, 200, count)


def metres(rng, count=M):
    return rng.uniform(-5e-6, 5e-6, count)


def amplitudes(rng, *shape):
    return rng.gamma(2, 3, shape).astype("f4")


def counts(rng, *shape, dtype="u2"):
    return rng.poisson(20, shape).astype(dtype)


def field(rng, *shape, dtype="c8"):
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def ptychopinn(rng, patterns="diff3d"):
    x, y = pixels(rng), pixels(rng)
    starts = {"xcoords_start": x + rng.normal(size=M), "ycoords_start": y + rng.normal(size=M)}
    fields = {"probeGuess": field(rng, N, N), "objectGuess": field(rng, 220, 220)}
    numbers = {"scan_index": np.arange(M) + 100}
    return {"xcoords": x, "ycoords": y, **starts, patterns: amplitudes(rng, M, N, N), **fields, **numbers}


def ptychopinn_raw(path):
    np.savez(path, **ptychopinn(random(11)))


def ptychopinn_counts(path):
    """As beamlines write it: counts, a probe of several modes, no object."""
    rng = random(12)
    x, y, patterns, probe = pixels(rng), pixels(rng), counts(rng, M, N, N), field(rng, 3, N, N)
    np.savez_compressed(path, xcoords=x, ycoords=y, diff3d=patterns, probeGuess=probe)


def ptychopinn_foreign(path):
    """The same members in the other byte order, single precision and Fortran order."""
    members = ptychopinn(random(13))
    members["xcoords"], members["ycoords"] = big_endian(members["xcoords"]), members["ycoords"].astype("f4")
    members["diff3d"] = np.asfortranarray(big_endian(members["diff3d"]))
    np.savez(path, **members)


def ptychopinn_prepared(path):
    rng = random(14)
    members = ptychopinn(rng, "diffraction")
    members |= {"Y": field(rng, M, N, N), "_shuffle_applied": np.array([True]), "_shuffle_seed": np.array([42])}
    members["_metadata"] = np.array('{"schema_version": "1.0"}', dtype=object)
    np.savez_compressed(path, **members)


def legacy(path):
    rng = random(15)
    members = {"diffraction": amplitudes(rng, N, N, M)}
    members |= {name: pixels(rng) for name in ("xcoords", "ycoords", "xcoords_start", "ycoords_start")}
    np.savez(path, **members, probeGuess=field(rng, N, N, dtype="c16"), objectGuess=field(rng, 64, 64, dtype="c16"))


def ptychopinn_grouped(path):
    rng, groups, size = random(16), 12, 4
    members = {name: amplitudes(rng, groups, N, N, size) for name in ("diffraction", "X_full")}
    members |= {name: rng.normal(size=(groups, 1, 2, size)) for name in ("coords_relative", "coords_nn")}
    members["coords_offsets"] = rng.normal(size=(groups, 1, 2, 1))
    members["nn_indices"] = rng.integers(0, M, (groups, size)).astype("i4")
    np.savez(path, **members, Y=field(rng, groups, N, N, size), objectGuess=field(rng, 64, 64))


def frames():
    """The detector's numbers of the positions: neither from 0 nor without gaps."""
    return 1000 + 3 * np.arange(M)


def ptychodus_product(path):
    rng = random(17)
    facts = {"name": np.array("scan é"), "comments": np.array("")}
    settings = "detector_object_distance_m probe_energy_eV probe_photon_count exposure_time_s".split()
    facts |= {name: np.float64(rng.uniform(1, 2)) for name in settings}
    positions = {f"probe_position_{axis}_m": metres(rng) for axis in "xy"}
    positions["probe_position_indexes"] = frames()
    sizes = {f"{what}_pixel_{side}_m": np.float64(1e-8) for what in ("probe", "object") for side in ("width", "height")}
    centre = {"object_center_x_m": np.float64(0), "object_center_y_m": np.float64(0)}
    fields = {"probe": field(rng, 1, 2, N, N), "object": field(rng, 1, 64, 72)}
    np.savez(path, **facts, **positions, **sizes, **centre, **fields, loss_values=rng.uniform(size=9))


def ptychodus_patterns(path):
    """Frames in any order, and some that no position has."""
    rng = random(18)
    indexes = rng.permutation(np.concatenate([frames(), [7, 1001, 999_999]]))
    bad, patterns = np.zeros((N, N), bool), counts(rng, indexes.size, N, N, dtype="i4")
    np.savez_compressed(path, indexes=indexes, patterns=patterns, bad_pixels=bad, allow_pickle=np.array(False))


def ptychonn(path):
    rng = random(19)
    position = np.stack([metres(rng), metres(rng)], axis=1)
    fields = {"reciprocal": amplitudes(rng, M, N, N - 2), "real": field(rng, M, 4, 4)}
    np.savez_compressed(path, **fields, position=position, pixelsize=np.float64(1e-8))


def ptychonn_2020(path):
    np.savez(path, counts(random(20), 5, 8, N, N - 2))


def tike(path, leading=True):
    rng = random(21)
    data, scan = amplitudes(rng, M, N, N), np.stack([pixels(rng), pixels(rng)], axis=1).astype("f4")
    probe = np.asfortranarray(field(rng, 1, 1, 1, 2, N, N))
    np.savez(path, data=data[None] if leading else data, scan=scan[None], probe=probe)


def tike_3d(path):
    tike(path, leading=False)


def scan_path(path):
    rng = random(22)
    np.savez(path, x=rng.uniform(0, 30, M), y=rng.uniform(0, 30, M))


def as_many_pixels_as_positions(path):
    """M = N: the shape does not say which axis counts the patterns."""
    rng = random(23)
    np.savez(path, xcoords=pixels(rng, N), ycoords=pixels(rng, N), diff3d=amplitudes(rng, N, N, N))


def combined(path, name, shape):
    """Positions in one array, in an order that no known layout settles."""
    rng = random(24)
    np.savez(path, **{name: rng.uniform(10, 200, shape)}, patterns=amplitudes(rng, M, N, N))


POSITION_NAMES = [("xcoords", "ycoords"), ("ppX", "ppY"), ("x", "y"), ("posx", "posy")]
PATTERN_NAMES = [
    *["diff3d", "diffraction", "patterns", "data", "reciprocal", "dp"],
    *["diffamp", "det_data", "ptychogram", "images", "diffraction_patterns", "arr_0"],
]


def synonyms(folder):
    """Each name of the patterns; the positions' names take turns; four files in capitals."""
    made = []
    for turn, patterns in enumerate(PATTERN_NAMES):
        rng, (x, y) = random(100 + turn), POSITION_NAMES[turn % 4]
        if 4 <= turn < 8:
            x, y, patterns = x.upper(), y.upper(), patterns.upper()
        path = folder / f"names_{x}_{patterns}.npz"
        # A lone `Y` is the object patches by its exact name.
        x, y = (x, y) if len(x) > 1 else (x.lower(), y.lower())
        np.savez(path, **{x: pixels(rng), y: pixels(rng), patterns: amplitudes(rng, M, N, N)})
        made.append((path, x, y, patterns))
    return made


LAYOUTS = [
    *[ptychopinn_raw, ptychopinn_counts, ptychopinn_foreign, ptychopinn_prepared, legacy, ptychopinn_grouped],
    *[ptychodus_product, ptychodus_patterns, ptychonn, ptychonn_2020, tike, tike_3d, scan_path],
    as_many_pixels_as_positions,
]
COMBINED = {"points": (M, 2), "coords": (2, M), "encoder": (M, 3)}


def layouts(folder):
    """One file per layout, called as the function that makes it."""
    for make in LAYOUTS:
        make(folder / f"{make.__name__}.npz")
    for name, shape in COMBINED.items():
        combined(folder / f"combined_{name}.npz", name, shape)


def compressible(path):
    """Deflated members far larger than a kibibyte."""
    rng = random(25)
    arrays = {"f4": amplitudes(rng, M, N, N), "u2": counts(rng, M, N, N), "c16": field(rng, M, N, dtype="c16")}
    np.savez_compressed(path, **arrays, flags=counts(rng, 3000) > 20, words=values("U5", (500,), 26))
    return path


def main():
    folder = pathlib.Path(sys.argv[1])
    makers = [matrix, bare, containers, not_archives, refusals, layouts, synonyms]
    for make in makers:
        (folder / make.__name__).mkdir(parents=True, exist_ok=True)
        make(folder / make.__name__)
    compressible(folder / "compressible.npz")
    print(f"{sum(path.is_file() for path in folder.rglob('*'))} files in {folder}")


if __name__ == "__main__":
    main()

"""Makes the seeds of the fuzzer: tiny archives of every kind, and NPY headers. Needs NumPy; the same bytes each time.

    python3 tests/fuzz/make_corpus.py

Files called `found_*` are no seeds of this script but inputs that once broke something; they are kept.
"""

import bz2
import io
import pathlib
import struct
import warnings
import zipfile
import zlib

import numpy as np

HERE = pathlib.Path(__file__).parent / "corpus"
RNG = np.random.default_rng(0)
M, N = 6, 4


def npy(array, version=None, **options):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), version=version, **options)
    return out.getvalue()


def header(descr, shape, fortran=False, version=1, pad=16):
    """An NPY header from its parts, whatever they are."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"
    text = text.encode("latin1" if version < 3 else "utf8")
    prefix = 10 if version == 1 else 12
    text += b" " * (-(prefix + len(text) + 1) % pad) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


def archive(members, method=zipfile.ZIP_STORED, comment=b"", extra=b"", force64=False, stream=False):
    """An archive of these members, a dict or pairs; `stream` writes data descriptors as a pipe would get them."""
    raw = io.BytesIO()
    out = Pipe(raw) if stream else raw
    pairs = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(out, "w", method) as file:
        file.comment = comment
        for name, data in pairs:
            info = zipfile.ZipInfo(name + ".npy")
            info.compress_type, info.comment, info.extra = method, comment, extra
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of two members with the same name
                with file.open(info, "w", force_zip64=force64) as member:
                    member.write(data if isinstance(data, bytes) else npy(data))
    return raw.getvalue()


class Pipe:
    """A file that cannot seek."""

    def __init__(self, out):
        self.out = out

    def write(self, data):
        return self.out.write(data)

    def flush(self):
        pass


def end64(bytes_):
    """The archive with a ZIP64 end record, whose numbers alone count."""
    at = bytes_.rindex(b"PK\5\6")
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2LH", bytes_[at : at + 22])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes_[:at] + record + locator + end


def patch(bytes_, signature, number, offset, format_, value):
    """Sets a field of the `number`-th record with that signature."""
    at = -1
    for _ in range(number + 1):
        at = bytes_.index(signature, at + 1)
    out = bytearray(bytes_)
    struct.pack_into(format_, out, at + offset, value)
    return bytes(out)


def positions(length=M):
    y, x = np.divmod(np.arange(length), 3)
    return x * 2.0 + y * 0.1, y * 2.0 - x * 0.1


def scan():
    """A scan in the layout of PtychoPINN."""
    x, y = positions()
    return {
        "xcoords": x,
        "ycoords": y,
        "diff3d": RNG.random((M, N, N), np.float32),
        "probeGuess": (RNG.random((N, N)) + 1j).astype(np.complex64),
    }


def layouts():
    x, y = positions()
    patterns = RNG.integers(0, 9, (M, N, N))
    field = (RNG.random((12, 12)) + 1j).astype(np.complex64)
    yield "raw", {**scan(), "xcoords_start": x, "ycoords_start": y, "objectGuess": field, "scan_index": np.arange(M)}
    patches = (RNG.random((M, N, N)) + 1j).astype(np.complex64)
    prepared = {**scan(), "Y": patches, "_shuffle_applied": np.array([True]), "_shuffle_seed": np.array([7])}
    prepared["diffraction"] = prepared.pop("diff3d")
    yield "prepared", prepared
    yield "legacy", {"xcoords": x, "ycoords": y, "diffraction": RNG.random((N, N, M)), "probeGuess": field[:N, :N, None]}
    yield "square", {"xcoords": x[:N], "ycoords": y[:N], "diffraction": patterns[:N].astype("<u2")}
    yield "single", {"xcoords": x.astype("f4"), "ycoords": y.astype("f4"), "diff3d": patterns.astype(">u2")}
    yield "columns", {"xcoords": x[:, None], "ycoords": y[:, None], "DIFF3D": patterns, "current": x.astype("f4")}
    yield "nan", {**scan(), "xcoords": np.where(x == 0, np.nan, x)}
    yield "ties", {"xcoords": np.zeros(M), "ycoords": np.zeros(M), "diff3d": patterns.astype("u1")}
    yield "path", {"x": x, "y": y}
    yield "product", {
        "name": np.array("a product"),
        "comments": np.array(""),
        "detector_object_distance_m": np.array(1.5),
        "probe_energy_eV": np.array(8e3),
        "probe_position_indexes": np.arange(M),
        "probe_position_x_m": x * 1e-6,
        "probe_position_y_m": y * 1e-6,
        "probe": np.ones((1, 2, N, N), np.complex64),
        "probe_pixel_width_m": np.array(1e-8),
        "probe_pixel_height_m": np.array(1e-8),
        "object": field[None],
        "object_center_x_m": np.array(0.0),
        "object_center_y_m": np.array(0.0),
        "object_pixel_width_m": np.array(1e-8),
        "object_pixel_height_m": np.array(1e-8),
        "loss_values": np.zeros(0),
    }
    yield "patterns", {
        "indexes": np.arange(M),
        "patterns": patterns.astype("i4"),
        "bad_pixels": np.zeros((N, N), bool),
        "allow_pickle": np.array(False),
    }
    position = np.stack([y, x], 1) * 1e-6
    yield "ptychonn", {"reciprocal": patterns.astype("f4"), "position": position, "pixelsize": np.array(1e-8)}
    yield "raster", {"arr_0": patterns.astype("<u2").reshape(2, 3, N, N)}
    yield "raster_of_nothing", {"arr_0": header("'<u2'", "(32768, 32767, 0, 4)")}
    yield "patterns_of_nothing", {"diffraction": header("'<u2'", "(2147483647, 0, 4)")}
    tike = {"data": patterns[None].astype("f4"), "scan": np.stack([y, x], 1)[None].astype("f4")}
    yield "tike", {**tike, "probe": np.asfortranarray(np.ones((1, 1, 1, 2, N, N), np.complex64))}


def dtypes():
    """A member of every dtype, plain and not."""
    plain = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
    for order in "<>":
        yield ("le" if order == "<" else "be"), {name: np.arange(6).reshape(2, 3).astype(order + name) for name in plain}
    texts = ["", "one", "naïve", "日本", "x" * 9]
    yield "text", {
        "u": np.array(texts),
        "u_be": np.array(texts).astype(">U9"),
        "s": np.array([b"", b"one", b"\xff\x00\x01"]),
        "s0": np.zeros(3, "S1")[:0],
        "u0": header("'<U0'", "(3,)"),
        "scalar": np.array("text"),
        "bad_u": header("'<U2'", "(2,)") + struct.pack("<4I", 0xD800, 0x110000, 0, 65),
        "square": np.array([["a", "bc"], ["", "d"]]),
    }
    units = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "25s"]
    times = {f"M_{unit}": np.array([0, 1, -5, "NaT"], f"M8[{unit}]") for unit in units}
    times |= {f"m_{unit}": np.array([0, 1, -5, "NaT"], f"m8[{unit}]") for unit in units}
    times |= {"far": np.array([2**62, -(2**62)]).astype("M8[Y]"), "be": np.array([7]).astype(">M8[us]")}
    yield "times", times
    yield "refused", {
        "object": header("'|O'", "()") + b"\x80\x04N.",
        "struct": np.zeros(2, [("a", "<f4"), ("b", "<i2", (2,))]),
        "void": np.zeros(2, "V3"),
        "long": header("'<f16'", "(1,)") + bytes(16),
        "generic": header("'<M8'", "(1,)") + bytes(8),
        "no_npy": b"plain text",
        "nothing": b"",
    }


def shapes():
    cube = np.arange(24.0).reshape(2, 3, 4)
    yield "shapes", {
        "fortran": np.asfortranarray(cube),
        "fortran_be": np.asfortranarray(cube.astype(">f4")),
        "scalar": np.array(3.5),
        "complex_scalar": np.array(1 + 2j),
        "empty": np.zeros(0),
        "empty_inside": np.zeros((2, 0, 3)),
        "empty_rows": np.zeros((0, 5), "u1"),
        "ones": np.ones((1, 1, 1, 1)),
        "many_axes": np.ones((1,) * 60 + (2,), "u1"),
        "v2": npy(cube, (2, 0)),
        "v3": npy(cube, (3, 0)),
        "python2": header("'<i2'", "(2L,)") + bytes(4),
        "long_header": header("'<i2'", "(2,)", pad=2048) + bytes(4),
        "long_data": npy(np.zeros(3)) + b"behind",
    }
    yield "claims", {
        "terabyte": header("'<f8'", "(137438953472,)") + bytes(80),
        "overflow": header("'<f8'", "(4294967296, 4294967296, 8)"),
        "zero_times": header("'<f8'", "(4294967296, 0, 4294967296)"),
        "zero_first": header("'<f8'", "(0, 4294967296, 4294967296)"),
        "zero_last": header("'<c16'", "(4294967296, 4294967296, 0)", True),
        "zero_strides": header("'<f8'", "(1099511627776, 1099511627776, 0)", True),
        "axes": header("'<f8'", "(" + "1, " * 70 + ")"),
        "wide": header("'|u1'", "(1, 2147483648)"),
        "no_text": header("'<U0'", "(4611686018427387904,)"),
        "cut": npy(np.zeros(9))[:-1],
    }


def structures():
    """Archives of every make."""
    small = {"a": np.arange(3.0), "b": np.arange(4, dtype="u2")}
    x, y = positions()
    names = [("a", np.zeros(2)), ("a", np.ones(3)), ("b", np.zeros(1)), ("a.npy", np.zeros(4)), ("b", np.ones(2))]
    yield "none", archive({})
    yield "stored", archive(small)
    yield "deflated", archive(scan(), zipfile.ZIP_DEFLATED)
    yield "streamed", archive(small, stream=True)
    yield "streamed_deflated", archive(scan(), zipfile.ZIP_DEFLATED, stream=True)
    yield "zip64", archive(scan(), force64=True)
    yield "zip64_streamed", archive(small, zipfile.ZIP_DEFLATED, force64=True, stream=True)
    yield "zip64_end", end64(archive(scan(), force64=True))
    yield "zip64_all", zip64_all({"xcoords": x, "ycoords": y, "diff3d": np.ones((M, N, N), "u1")})
    yield "comments", archive(small, comment=b"a comment " * 3, extra=struct.pack("<2H4s", 0xCAFE, 4, b"here"))
    yield "hostile_comment", archive(small, comment=b"PK\5\6 and " * 3)
    yield "duplicates", archive(names)
    yield "unicode", archive({"日本": np.zeros(2), "../up": np.zeros(1), "a/b": np.zeros(1), "": np.zeros(1)})
    yield "prefix", b"#!/bin/sh\n" + archive(small)
    yield "suffix", archive(small) + b"behind"
    yield "bzip2", archive(small, zipfile.ZIP_BZIP2)
    yield "lzma", archive(small, zipfile.ZIP_LZMA)
    yield "encrypted", patch(patch(archive(small), b"PK\1\2", 0, 8, "<H", 1), b"PK\3\4", 0, 6, "<H", 1)
    yield "crc", patch(archive(scan(), zipfile.ZIP_DEFLATED), b"PK\1\2", 2, 16, "<L", 1)
    bomb = {"xcoords": x, "ycoords": y, "diff3d": np.zeros((M, 200, 200), "u1")}
    yield "zeros", archive(bomb, zipfile.ZIP_DEFLATED)
    yield "bomb", archive({"a": np.zeros(1 << 18)}, zipfile.ZIP_DEFLATED)
    yield "bomb_header", archive({"a": header("[" + "[]," * 20000 + "]", "(1,)", version=2)}, zipfile.ZIP_DEFLATED)
    yield "overlap", patch(archive({"a": np.zeros(9), "b": np.zeros(9)}), b"PK\1\2", 1, 42, "<L", 0)
    yield "quoted", quoted()
    yield "count", patch(end64(archive(small)), b"PK\6\6", 0, 32, "<Q", 1 << 32)
    yield from compressed()
    yield "many", archive({f"m{index}": header("'|u1'", "(0,)") for index in range(40)})


def compressed():
    """Scans and bombs by the methods that NumPy reads beside its own, and headers of theirs that lie."""
    x, y = positions()
    counts = np.arange(M * N * N).reshape(M, N, N) % 5
    members = {"xcoords": x, "ycoords": y, "diff3d": counts.astype("u2")}
    for name, method in {"bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}.items():
        yield f"scan_{name}", archive(members, method)
        yield f"scan_{name}_streamed", archive(members, method, stream=True)
        yield f"bomb_{name}", archive({"a": np.zeros(1 << 18)}, method)
    lzma = archive(members, zipfile.ZIP_LZMA)
    at = lzma.index(b"\5\0\x5d") + 3
    yield "lzma_dictionary", lzma[:at] + b"\xff" * 4 + lzma[at + 4 :]
    yield "scan_zstd", by_zstd({name: zstd_raw(npy(array)) for name, array in members.items()}, members)
    ones = np.full(1 << 18, 1, "u1")
    # A window of 128 MiB, blocks of one value: what the header says, and ones.
    start = npy(ones)[: -len(ones)]
    packed = b"\x28\xb5\x2f\xfd\0\x88" + zstd_block(0, len(start)) + start
    packed += zstd_block(1, 1 << 17) + b"\1" + zstd_block(1, 1 << 17, True) + b"\1"
    yield "bomb_zstd", by_zstd({"a": packed}, {"a": ones})
    endless = packed[: -len(zstd_block(1, 1 << 17)) - 1] + (zstd_block(1, 1 << 17) + b"\1") * 200
    yield "zstd_endless", by_zstd({"a": endless}, {"a": ones})


def zstd_block(kind, size, last=False):
    """The header of a Zstandard block: 0 is raw, 1 one value again and again."""
    return (size << 3 | kind << 1 | last).to_bytes(3, "little")


def zstd_raw(data):
    """A Zstandard frame of one raw block, with its size."""
    return b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little") + zstd_block(0, len(data), True) + data


def by_zstd(packed, members):
    """An archive of members that are packed already; the zipfile of older versions of Python lacks the method."""
    bytes_ = archive(packed)
    for number, (name, array) in enumerate(members.items()):
        data = npy(array)
        for signature, method, crc, size in [(b"PK\3\4", 8, 14, 22), (b"PK\1\2", 10, 16, 24)]:
            bytes_ = patch(bytes_, signature, number, method, "<H", 93)
            bytes_ = patch(bytes_, signature, number, crc, "<L", zlib.crc32(data))
            bytes_ = patch(bytes_, signature, number, size, "<L", len(data))
    return bytes_


def zip64_all(members):
    """Sizes and offsets in ZIP64 fields throughout, as files of more than 4 GiB have them."""
    out, directory = b"", b""
    for name, array in members.items():
        data, offset, name = npy(array), len(out), name.encode() + b".npy"
        numbers = struct.pack("<2H4s", 45, 0, bytes(4)), struct.pack("<L", zlib.crc32(data)) + b"\xff" * 8
        local = struct.pack("<2H2Q", 1, 16, len(data), len(data))
        out += b"PK\3\4" + struct.pack("<H", 45) + numbers[0][2:4] + bytes(6) + numbers[1]
        out += struct.pack("<2H", len(name), len(local)) + name + local + data
        extra = struct.pack("<2H3Q", 1, 24, len(data), len(data), offset)
        directory += b"PK\1\2" + struct.pack("<2H", 45, 45) + bytes(8) + numbers[1]
        directory += struct.pack("<5H2L", len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF) + name + extra
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return end64(out + directory + end)


def quoted():
    """The overlapping bomb of David Fifield: the local header of each member is quoted by the deflated data before it."""
    kernel, count = header("'|u1'", "(60000,)") + bytes(60000), 20
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(kernel) + packer.flush()
    crc, size, headers, directory = zlib.crc32(kernel), len(kernel), b"", b""
    blocks, records = [], []
    for index in reversed(range(count)):
        name = b"m%02d.npy" % index
        packed = len(data) + sum(len(block) for block in blocks)
        fields = struct.pack("<HHHHLLLHH", 0, 8, 0, 0x21, crc, packed, size, len(name), 0)
        local = b"PK\3\4" + struct.pack("<H", 20) + fields + name
        records.append((fields, name))
        # A stored block whose content is the header that follows.
        quote = b"\0" + struct.pack("<2H", len(local), len(local) ^ 0xFFFF) if index else b""
        blocks.append(quote + local)
        crc, size = zlib.crc32(local + unquoted(blocks, kernel)), size + len(local)
    out = b"".join(reversed(blocks))
    offsets, at = [], 0
    for index, block in enumerate(reversed(blocks)):
        offsets.append(at + (5 if index else 0))
        at += len(block)
    for offset, (fields, name) in zip(offsets, reversed(records)):
        directory += b"PK\1\2" + struct.pack("<2H", 20, 20) + fields + struct.pack("<3H2L", 0, 0, 0, 0, offset) + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(out + data), 0)
    return out + data + directory + end


def unquoted(blocks, kernel):
    """What the member behind the last block unpacks to."""
    return b"".join(block[5:] if block.startswith(b"\0") else block for block in reversed(blocks[:-1])) + kernel


def headers():
    for name, array in {"f4": np.zeros((2, 3), "f4"), "c16": np.zeros(0, "c16"), "u3": np.array(["abc"])}.items():
        yield name, npy(array)[:128]
    yield "v3", npy(np.zeros(2), (3, 0))[:128]
    yield "times", header("'<M8[25us]'", "(3,)")
    yield "struct", header("[('a', '<f4'), ('b', [('c', '|S5', (2, 2))])]", "(2L,)", True, 2)
    yield "unknown", header("'<x9'", "(18446744073709551616, -1)")
    yield "deep", header("[" * 30 + "]" * 30, "()")
    yield "utf8", header("[('日本', '<f4')]", "()", version=3)


def main():
    for folder in ("npz", "npy"):
        (HERE / folder).mkdir(parents=True, exist_ok=True)
        for old in (HERE / folder).glob("*"):
            if not old.name.startswith("found_"):
                old.unlink()
    sets = [*dtypes(), *shapes()]
    files = [(f"layout_{name}", archive(members)) for name, members in layouts()]
    files += [(f"layout_{name}_deflated", archive(members, zipfile.ZIP_DEFLATED)) for name, members in layouts()]
    files += [(f"array_{name}", archive(members)) for name, members in sets]
    files += [(f"array_{name}_deflated", archive(members, zipfile.ZIP_DEFLATED)) for name, members in sets]
    files += [(f"zip_{name}", bytes_) for name, bytes_ in structures()]
    files += [("bare", npy(np.arange(6.0).reshape(2, 3)))]
    for name, bytes_ in files:
        (HERE / "npz" / name).write_bytes(bytes_)
    for name, bytes_ in headers():
        (HERE / "npy" / name).write_bytes(bytes_)


if __name__ == "__main__":
    main()

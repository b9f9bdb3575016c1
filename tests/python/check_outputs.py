"""What the command writes, as NumPy, PyArrow, polars, pandas and DuckDB see it.

usage: check_outputs.py PATH_OF_THE_COMMAND

Every comparison is with what NumPy itself reads from the scan.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

COMMAND = pathlib.Path(sys.argv[1]).resolve()
DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
SCAN, COUNTS = DATA / "siemens_star.npz", DATA / "siemens_star_counts_deflated.npz"
GROUPS, C, N = 500, 4, 64


def run(*args):
    done = subprocess.run([COMMAND, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


def group(output, *more, scan=SCAN):
    run("group", scan, "--gridsize", 2, "--neighbors", 6, "--n-groups", GROUPS, "--seed", 42, "-o", output, *more)
    return output


def table_of(path):
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def tensor(table, name):
    return np.concatenate([chunk.to_numpy_ndarray() for chunk in table[name].chunks])


def pyarrow_sees_numpys_own_gather(folder):
    table = table_of(group(folder / "groups.arrow"))
    scan = np.load(SCAN)
    nn = np.stack(table["nn_indices"].to_numpy())
    assert table.num_rows == GROUPS and nn.shape == (GROUPS, C)
    assert isinstance(table.schema.field("diffraction").type, pa.FixedShapeTensorType)
    assert np.array_equal(tensor(table, "diffraction"), scan["diff3d"][nn])
    x, y = scan["xcoords"][nn], scan["ycoords"][nn]
    coords = np.stack([x, y], axis=1)[:, None]
    assert np.array_equal(tensor(table, "coords_nn"), coords)
    centre = coords.mean(axis=-1, keepdims=True)
    assert np.array_equal(tensor(table, "coords_offsets"), centre)
    assert np.array_equal(tensor(table, "coords_relative"), -(coords - centre))
    return nn


def a_batch_is_zero_copy_and_read_only(folder):
    source = pa.memory_map(str(folder / "groups.arrow"))
    before = pa.total_allocated_bytes()
    batch = pa.ipc.open_file(source).get_batch(0)
    patterns = batch["diffraction"].to_numpy_ndarray()
    assert patterns.shape[1:] == (C, N, N) and patterns.dtype == np.float32
    assert pa.total_allocated_bytes() == before and not patterns.flags.owndata and not patterns.flags.writeable


def polars_and_pandas_see_the_same(folder, nn):
    path = folder / "groups.arrow"
    frame = pl.read_ipc(path)
    assert frame.height == GROUPS
    patterns = frame["diffraction"].to_numpy().reshape(-1, C, N, N)
    assert np.array_equal(patterns, np.load(SCAN)["diff3d"][nn])
    assert np.array_equal(frame["nn_indices"].to_numpy(), nn)
    narrow = table_of(path).select(["group_id", "seed_point", "span"]).to_pandas()
    assert isinstance(narrow, pd.DataFrame) and len(narrow) == GROUPS
    assert np.array_equal(narrow["seed_point"], frame["seed_point"].to_numpy())


def duckdb_and_polars_read_the_parquet(folder, nn):
    path = group(folder / "groups.parquet")
    [(count, widest)] = duckdb.sql(f"SELECT count(*), max(span) FROM '{path}'").fetchall()
    frame = pl.read_parquet(path)
    assert count == frame.height == pq.read_metadata(path).num_rows == GROUPS
    assert widest == frame["span"].max()
    assert np.array_equal(np.array(duckdb.sql(f"SELECT nn_indices FROM '{path}' ORDER BY group_id").fetchall()).squeeze(1), nn)


def tensors_as_bytes_are_the_same_numbers(folder, nn):
    path = group(folder / "binary.parquet", "--columns", "group_id,diffraction", "--tensors", "binary")
    table = pq.read_table(path)
    said = table.schema.field("diffraction").metadata
    dtype, shape = np.dtype(said[b"ptychoarrow.dtype"].decode()), json.loads(said[b"ptychoarrow.shape"])
    rows = [np.frombuffer(row, dtype).reshape(shape) for row in table["diffraction"].to_pylist()]
    assert np.array_equal(np.stack(rows), np.load(SCAN)["diff3d"][nn])
    assert pl.read_parquet(path)["diffraction"][3] == table["diffraction"][3].as_py()


def small_scan(folder):
    """A scan whose patterns take few bytes, with complex numbers, truth values and times beside them."""
    path, rows = folder / "small.npz", 12
    numbers = np.random.default_rng(5)
    start = np.datetime64("2024-03-01T12:00:00")
    members = {
        "xcoords": np.arange(rows) * 1.0,
        "ycoords": np.arange(rows) % 4 * 1.0,
        "diff3d": numbers.integers(0, 1000, (rows, 16, 15)).astype("u2"),
        "field": (numbers.normal(size=(rows, 3, 2)) + 1j).astype("c8"),
        "flags": numbers.random((rows, 7)) > 0.5,
        "when_s": start + np.arange(rows).astype("m8[s]"),
        "when_m": (start + np.arange(rows).astype("m8[m]")).astype("M8[m]"),
        "when_h": (start + np.arange(rows).astype("m8[h]")).astype("M8[h]"),
        "lasted_s": np.arange(rows).astype("m8[s]"),
        "lasted_m": np.arange(rows).astype("m8[m]"),
        "pair": start + np.arange(2 * rows).astype("m8[s]").reshape(rows, 2),
    }
    members["when_s"][2] = members["pair"][3, 1] = np.datetime64("NaT")
    np.savez(path, **members)
    return path, np.load(path)


def opened(path):
    """The table of any of the formats, by PyArrow."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return table_of(path) if path.suffix == ".arrow" else pa.ipc.open_stream(pa.OSFile(str(path))).read_all()


def has_extension(data_type):
    children = [data_type.field(index).type for index in range(data_type.num_fields)]
    return isinstance(data_type, pa.BaseExtensionType) or any(map(has_extension, children))


def tensors_have_the_form_that_is_asked_for(folder):
    """In each format PyArrow and polars see NumPy's numbers, and DuckDB and pandas those of Parquet."""
    scan, members = small_scan(folder)
    columns = {"diffraction": "diff3d", "field": "field", "flags": "flags", "pair": "pair"}
    for ending in ("arrow", "arrows", "parquet"):
        for form in ("tensor", "lists", "binary"):
            path = folder / f"small_{form}.{ending}"
            run("export", scan, "--columns", ",".join(columns), "--tensors", form, "-o", path)
            table = opened(path)
            assert table.num_rows == 12
            assert any(has_extension(field.type) for field in table.schema) == (form == "tensor"), (ending, form)
            frame = {"arrow": pl.read_ipc, "arrows": pl.read_ipc_stream, "parquet": pl.read_parquet}[ending](path)
            for column, name in columns.items():
                member, field = members[name], table.schema.field(column)
                values = table[column].combine_chunks()
                values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
                if form == "binary":
                    dtype, shape = field.metadata[b"ptychoarrow.dtype"].decode(), json.loads(field.metadata[b"ptychoarrow.shape"])
                    for rows in (values.to_pylist(), frame[column].to_list()):
                        read = np.stack([np.frombuffer(row, dtype).reshape(shape) for row in rows])
                        assert np.array_equal(read, member, equal_nan=member.dtype.kind == "M"), (ending, column)
                    assert pa.types.is_fixed_size_binary(field.type) and read.dtype == member.dtype
                    continue
                stored = np.stack([member.real, member.imag], axis=-1) if member.dtype.kind == "c" else member
                if form == "tensor":
                    assert isinstance(field.type, pa.FixedShapeTensorType) and tuple(field.type.shape) == stored.shape[1:]
                    if member.dtype.kind == "u":
                        assert np.array_equal(values.to_numpy_ndarray(), stored)
                    values = values.storage
                else:
                    assert json.loads(field.metadata[b"ptychoarrow.shape"]) == list(stored.shape[1:])
                flat = values.flatten().to_numpy(zero_copy_only=False)
                assert np.array_equal(flat.reshape(stored.shape), stored, equal_nan=member.dtype.kind == "M"), (ending, form, column)
                rows = frame[column].ext.storage() if form == "tensor" and hasattr(frame[column], "ext") else frame[column]
                if member.dtype.kind == "u":
                    assert rows.to_list() == stored.reshape(12, -1).tolist()
            if ending == "parquet":
                [(first,)] = duckdb.sql(f"SELECT diffraction FROM '{path}' LIMIT 1").fetchall()
                expected = members["diff3d"][0]
                assert (first == expected.tobytes()) if form == "binary" else (list(first) == expected.ravel().tolist())
                assert len(pd.read_parquet(path)) == 12
    # A data set of Hugging Face takes no extension type; a query's answer can do without as well.
    for ending in ("arrow", "arrows", "parquet"):
        path = folder / f"plain.{ending}"
        for call in (["group", scan], ["export", scan], ["sql", scan, "-c", "SELECT array_agg(diffraction) AS all FROM scan"]):
            run(*call, "--tensors", "lists", "-o", path, "--force")
            assert not any(has_extension(field.type) for field in opened(path).schema), (ending, call)


def dates_come_out_of_parquet_as_dates(folder):
    scan, members = small_scan(folder)
    path = folder / "dates.parquet"
    names = ["when_s", "when_m", "when_h", "lasted_s", "lasted_m"]
    run("export", scan, "--columns", ",".join(names), "-o", path)
    table, frame = pq.read_table(path), pl.read_parquet(path)
    theirs = duckdb.sql(f"SELECT when_s, when_m, when_h FROM '{path}'")
    assert {str(kind) for kind in theirs.types} <= {"TIMESTAMP", "TIMESTAMP_MS"}, theirs.types
    theirs = theirs.fetchall()
    for place, name in enumerate(names):
        expected = members[name].astype(members[name].dtype.str.split("[")[0] + "[ms]").tolist()
        assert table[name].to_pylist() == expected, name
        assert frame[name].to_list() == expected, name
        if name.startswith("when"):
            assert [row[place] for row in theirs] == expected, name


def the_lines_that_open_groups_are_true(folder, nn):
    """What `group -o` prints under `open it` is run as it is."""
    patterns = np.load(SCAN)["diff3d"][nn]
    for ending in ("arrow", "parquet"):
        for form in (None, "tensor", "lists", "binary"):
            path = folder / f"opened_{form}.{ending}"
            more = ["--tensors", form] if form else []
            said = run("group", SCAN, "-K", 6, "--n-groups", GROUPS, "--seed", 42, "--columns", "group_id,diffraction", "-o", path, *more)
            lines = said.split("open it   ")[1].split("\n")
            lines = [line.strip() for line in lines if line.strip()]
            python = [line for line in lines if not line.startswith("in Python")] or [lines[0].split(": ", 1)[1].split(";")[0]]
            names = {"pyarrow": pa, "polars": pl, "numpy": np}
            for line in python[:-1]:
                exec(line, names)
            opened = eval(python[-1], names)
            if isinstance(opened, pl.DataFrame):
                opened = opened["diffraction"].to_numpy().reshape(-1, C, N, N)
            opened = np.asarray(opened)
            assert len(opened) > 0 and np.array_equal(opened, patterns[: len(opened)]), (ending, form)


def streams_hold_the_same_rows(folder, nn):
    path = group(folder / "groups.arrows")
    table = pa.ipc.open_stream(pa.OSFile(str(path))).read_all()
    assert np.array_equal(np.stack(table["nn_indices"].to_numpy()), nn)


def counts_are_cast_on_the_way(folder, nn):
    table = table_of(group(folder / "counts.arrow", scan=COUNTS))
    assert np.array_equal(np.stack(table["nn_indices"].to_numpy()), nn)
    assert np.array_equal(tensor(table, "diffraction"), np.load(COUNTS)["diff3d"][nn].astype(np.float32))


def normalisation_is_the_formula(folder):
    path = folder / "normalised.arrow"
    group(path, "--columns", "norm_factor,diffraction,diffraction_normalized", "--measurement", "amplitude")
    table = table_of(path)
    amplitudes = np.load(SCAN)["diff3d"].astype(np.float64)
    factor = np.float32(np.sqrt((N / 2) ** 2 / np.mean(np.sum(amplitudes**2, axis=(1, 2)))))
    assert np.all(table["norm_factor"].to_numpy() == factor)
    assert np.array_equal(tensor(table, "diffraction_normalized"), factor * tensor(table, "diffraction"))


def the_scan_is_exported_as_it_is(folder):
    path = folder / "scan.arrow"
    run("export", SCAN, "-o", path)
    table, scan = table_of(path), np.load(SCAN)
    assert np.array_equal(tensor(table, "diffraction"), scan["diff3d"])
    for column, member in [("x", "xcoords"), ("y_start", "ycoords_start"), ("frame_index", "scan_index")]:
        assert np.array_equal(table[column].to_numpy(), scan[member]), column


def sql_agrees_with_duckdb_and_polars(folder):
    run("export", SCAN, "--columns", "scan_point,x,y", "-o", folder / "scan.parquet")
    query = "SELECT scan_point, x + y AS s FROM {} WHERE x BETWEEN 50 AND 120 AND y < 200 ORDER BY s DESC LIMIT 20"
    ours = json.loads(run("sql", SCAN, "--format", "json", "-c", query.format("scan")))
    theirs = duckdb.sql(query.format(f"'{folder / 'scan.parquet'}'")).fetchall()
    assert [(row["scan_point"], row["s"]) for row in ours] == theirs
    frame = pl.read_parquet(folder / "scan.parquet").filter(pl.col("x").is_between(50, 120), pl.col("y") < 200)
    assert frame.select(s=pl.col("x") + pl.col("y")).sort("s", descending=True)["s"][:20].to_list() == [r["s"] for r in ours]


def every_shape_of_query_is_duckdbs(folder):
    """The queries of tests/sql/shapes.sql, by our command over the NPZ and by DuckDB over exported files."""
    spec = ["--neighbors", 6, "--seed", 42]
    theirs = duckdb.connect()
    theirs.execute("SET integer_division = true")
    for table in ("scan", "groups", "group_members", "neighbors"):
        path = folder / f"all_{table}.parquet"
        run("sql", SCAN, *spec, "-c", f"SELECT * FROM {table}", "-o", path)
        theirs.execute(f"CREATE VIEW {table} AS SELECT * FROM '{path}'")
    shapes = (DATA.parent / "sql" / "shapes.sql").read_text().split("\n\n", 1)[1]
    shapes = [shape.strip().split("\n", 1) for shape in shapes.split(";\n") if shape.strip()]
    assert len(shapes) > 50
    for number, (name, query) in enumerate(shapes):
        path = folder / f"shape_{number}.parquet"
        run("sql", SCAN, *spec, "-c", query, "-o", path)
        table = pq.read_table(path)
        ours = list(zip(*[column.to_pylist() for column in table.columns]))
        expected = theirs.execute(query).fetchall()
        if "ORDER BY" not in query:
            ours, expected = sorted(ours), sorted(expected)
        assert ours == expected, (name, ours[:3], expected[:3])


def the_prompt_goes_on_after_an_error():
    """A real terminal: typed over two lines, an error, a question about tables, one query from history, the end."""
    if sys.platform == "win32":
        return
    import os
    import pty
    import select
    import time

    child, terminal = pty.fork()
    if child == 0:
        os.execv(COMMAND, [str(COMMAND), "sql", str(SCAN)])

    def until(text, seconds=60):
        said, end = "", time.monotonic() + seconds
        while text not in said:
            assert time.monotonic() < end, (text, said)
            if select.select([terminal], [], [], 0.2)[0]:
                said += os.read(terminal, 65536).decode()
        return said

    def typed(line, answer):
        os.write(terminal, line.encode())
        return until(answer)

    until("sql> ")
    typed("SELECT count(*) + 1000\r", "1000")
    assert "1516" in typed("AS n FROM scan;\r", "row, ")
    assert "error:" in typed("SELECT nope FROM scan;\r", "The columns are")
    assert "group_members" in typed(".tables\r", "rows, ")
    typed("\x1b[A", ".tables")
    assert "neighbors" in typed("\r", "rows, ")
    assert ".schema TABLE" in typed(".foo\r", ".quit")
    os.write(terminal, b".quit\r")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def tables_fit_the_terminal():
    """In a terminal of 70 columns no line of a table is longer, and what is left out is counted."""
    if sys.platform == "win32":
        return
    import fcntl
    import os
    import pty
    import struct
    import termios

    for call in (["sql", SCAN, "-c", "SELECT * FROM groups"], ["group", SCAN], ["inspect", SCAN]):
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        child = subprocess.Popen([COMMAND, *map(str, call)], stdout=terminal, stderr=subprocess.DEVNULL, env=environment)
        os.close(terminal)
        said = b""
        try:
            while block := os.read(controller, 65536):
                said += block
        except OSError:
            pass  # the terminal was closed: that is its end
        assert child.wait() == 0
        lines = [line for line in said.decode().splitlines() if line.startswith(("|", "+"))]
        assert len(lines) > 5 and max(map(len, lines)) <= 70, call
        assert "not shown" in said.decode() and "| … |" in said.decode(), call


def groups_as_npz_are_ptychopinns_dict(folder):
    golden = DATA / "goldens" / "data" / "raster_jit.npz"
    for semantics in ("native", "ptychopinn"):
        path = folder / f"{semantics}.npz"
        run("group", golden, "--semantics", semantics, "--n-groups", 30, "--seed", 3, "-o", path)
        dict_, scan = np.load(path), np.load(golden)
        nn = dict_["nn_indices"]
        assert nn.dtype == np.int32 and nn.shape == (30, C)
        assert np.array_equal(dict_["diffraction"], np.moveaxis(scan["diff3d"][nn], 1, -1))
        assert np.array_equal(dict_["objectGuess"], scan["objectGuess"])
        coords = np.stack([scan["xcoords"][nn], scan["ycoords"][nn]], axis=1)[:, None]
        assert np.array_equal(dict_["coords_nn"], coords) and dict_["coords_nn"].dtype == np.float64
        centre = coords.mean(axis=-1, keepdims=True)
        assert np.array_equal(dict_["coords_relative"], -1 * (coords - centre))
        power = np.sum(scan["diff3d"].astype(np.float64) ** 2, axis=(1, 2))
        mean = np.mean(power if semantics == "native" else power[nn])
        factor = np.float32(np.sqrt((8 / 2) ** 2 / mean))
        assert np.array_equal(dict_["X_full"], factor * dict_["diffraction"])
        assert dict_["Y"].shape == (30, 8, 8, C) and dict_["Y"].dtype == np.complex64
        starts = {f"coords_start_{what}" for what in ("nn", "relative", "offsets")}
        keys = {"diffraction", "X_full", "coords_nn", "coords_relative", "coords_offsets", "nn_indices", "Y", "objectGuess"}
        assert set(dict_.files) == keys | starts


def patterns_may_be_counted_along_the_last_axis(folder):
    golden = DATA / "goldens" / "data" / "legacy_hwm.npz"
    path = folder / "legacy.arrow"
    run("group", golden, "--n-groups", 20, "-o", path)
    table = table_of(path)
    nn = np.stack(table["nn_indices"].to_numpy())
    assert np.array_equal(tensor(table, "diffraction"), np.moveaxis(np.load(golden)["diffraction"], -1, 0)[nn])


def channels_last_is_physical(folder, nn):
    table = table_of(group(folder / "last.arrow", "--layout", "channels-last"))
    assert np.array_equal(tensor(table, "diffraction"), np.moveaxis(np.load(SCAN)["diff3d"][nn], 1, -1))


def inspect_agrees_with_numpy():
    report = json.loads(run("inspect", SCAN, "--format", "json", "--stats"))
    scan = np.load(SCAN)
    assert [array["name"] for array in report["arrays"]] == scan.files
    raw = SCAN.read_bytes()
    for array in report["arrays"]:
        member = scan[array["name"]]
        assert array["dtype"] == member.dtype.str and tuple(array["shape"]) == member.shape
        at = array["byte_offset"]
        assert raw[at : at + member.nbytes] == member.tobytes(), array["name"]
        if member.dtype.kind != "c":
            assert array["stats"]["min"] == member.min() and array["stats"]["max"] == member.max()


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        nn = pyarrow_sees_numpys_own_gather(folder)
        a_batch_is_zero_copy_and_read_only(folder)
        polars_and_pandas_see_the_same(folder, nn)
        duckdb_and_polars_read_the_parquet(folder, nn)
        tensors_as_bytes_are_the_same_numbers(folder, nn)
        tensors_have_the_form_that_is_asked_for(folder)
        dates_come_out_of_parquet_as_dates(folder)
        the_lines_that_open_groups_are_true(folder, nn)
        streams_hold_the_same_rows(folder, nn)
        counts_are_cast_on_the_way(folder, nn)
        normalisation_is_the_formula(folder)
        the_scan_is_exported_as_it_is(folder)
        sql_agrees_with_duckdb_and_polars(folder)
        every_shape_of_query_is_duckdbs(folder)
        groups_as_npz_are_ptychopinns_dict(folder)
        channels_last_is_physical(folder, nn)
        patterns_may_be_counted_along_the_last_axis(folder)
    inspect_agrees_with_numpy()
    tables_fit_the_terminal()
    the_prompt_goes_on_after_an_error()
    print("NumPy, PyArrow, polars, pandas and DuckDB agree: 20 passed, 0 failed")


main()

"""What NumPy and DuckDB take for the sum of each pattern; run by benches/sql.rs.

usage: sql.py SCAN.npz SCAN.parquet SUM
"""

import statistics
import sys
import time

import duckdb
import numpy as np

SCAN, PARQUET, SUM = sys.argv[1], sys.argv[2], float(sys.argv[3])
RUNS = 3


def timed(label, run):
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        total = run()
        seconds.append(time.perf_counter() - start)
        assert total == SUM, (label, total, SUM)
    print(f"{label:<36} {statistics.median(seconds):>8.3f}")


def of_array():
    return float(array.sum(axis=(1, 2)).sum())


timed("NumPy, np.load and sum", lambda: float(np.load(SCAN)["diff3d"].sum(axis=(1, 2)).sum()))
array = np.load(SCAN)["diff3d"]
timed("NumPy, sum of the array in memory", of_array)
del array
query = f"SELECT sum(list_sum(diffraction)) FROM '{PARQUET}'"
timed("DuckDB, list_sum over Parquet", lambda: float(duckdb.sql(query).fetchall()[0][0]))

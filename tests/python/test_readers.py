"""Parquet files of a replay, opened by three readers: the same rows, types and units as the CSV says."""

import csv
import json
import math
import pathlib
import re
import tempfile
import unittest

from program import capture, needs, run

TABLES = ["flows", "hosts", "channels"]
# Columns of times: table, name.
TIMES = [("hosts", "first_seen"), ("channels", "last_seen")]


class Readers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = pathlib.Path(scratch.name)
        for ending in ["parquet", "csv"]:
            flags = [arg for table in TABLES for arg in (f"--{table}", cls.path(table, ending))]
            run("replay", "--quiet", *flags, capture("office_day_incident"))

    @classmethod
    def path(cls, table, ending="parquet"):
        return str(cls.folder / f"{table}.{ending}")

    def rows(self, table):
        with open(self.path(table, "csv"), newline="") as file:
            return list(csv.DictReader(file))

    def check(self, table, columns, values):
        """`values(name)` are those of a column, `None` for what is missing."""
        rows = self.rows(table)
        self.assertGreater(len(rows), 5)
        self.assertEqual(list(columns), list(rows[0]))
        for name in columns:
            got = values(name)
            self.assertEqual(len(got), len(rows), name)
            for value, row in zip(got, rows):
                self.assertTrue(alike(value, row[name]), f"{table}.{name}: {value!r}, {row[name]!r}")

    @needs("duckdb")
    def test_duckdb(self):
        import duckdb

        connection = duckdb.connect()
        # Timestamps come out as text: Python's have no nanoseconds.
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            described = connection.execute(f"DESCRIBE SELECT * FROM '{self.path(table)}'").fetchall()
            columns = [row[0] for row in described]

            def values(name):
                query = f"SELECT CAST(\"{name}\" AS VARCHAR) FROM '{self.path(table)}'"
                return [row[0] for row in connection.execute(query).fetchall()]

            self.check(table, columns, values)
            types = {row[0]: row[1] for row in described}
            for _, name in [time for time in TIMES if time[0] == table]:
                self.assertIn("TIMESTAMP", types[name])

    @needs("pandas", "pyarrow")
    def test_pandas(self):
        import pandas

        for table in TABLES:
            # Integers that may be missing stay integers.
            frame = pandas.read_parquet(self.path(table), dtype_backend="numpy_nullable")
            self.check(table, frame.columns, lambda name: [None if pandas.isna(v) else v for v in frame[name]])
            for _, name in [time for time in TIMES if time[0] == table]:
                self.assertEqual(str(frame[name].dtype), "datetime64[ns, UTC]")

    @needs("polars")
    def test_polars(self):
        import polars

        for table in TABLES:
            frame = polars.read_parquet(self.path(table))
            self.check(table, frame.columns, lambda name: frame[name].to_list())
            for _, name in [time for time in TIMES if time[0] == table]:
                self.assertEqual(frame[name].dtype, polars.Datetime("ns", "UTC"))

    @needs("pyarrow")
    def test_units_and_meanings_are_in_the_schema(self):
        from pyarrow import parquet

        for table in TABLES:
            schema = parquet.read_schema(self.path(table))
            described = json.loads(schema.metadata[b"undercurrent.columns"])
            self.assertEqual([column["name"] for column in described], schema.names)
            self.assertTrue(all(column["doc"] for column in described))
            units = {column["name"]: column["unit"] for column in described}
            for name, unit in [("orig_bytes", "bytes"), ("bytes_out", "bytes"), ("duration", "seconds")]:
                self.assertEqual(units.get(name, unit), unit)


def alike(value, text):
    """Whether a value of a reader is what the CSV says."""
    if value is None:
        return text == ""
    said = str(value)
    return said == text or said.lower() == text or same_number(said, text) or same_time(said, text)


def same_number(said, text):
    try:
        return math.isclose(float(said), float(text), rel_tol=1e-6, abs_tol=1e-6)
    except ValueError:
        return False


def same_time(said, text):
    """Whether two times in UTC are the same millisecond: the CSV has no more."""
    return milliseconds(said) == milliseconds(text)


def milliseconds(time):
    """A time as ISO 8601 with three decimals and without a zone."""
    seconds, _, decimals = re.sub(r"(Z|\+00(:00)?)$", "", time).replace(" ", "T").partition(".")
    return f"{seconds}.{decimals[:3]:0<3}"


if __name__ == "__main__":
    unittest.main()

"""Flights through a database: one SQL for DuckDB on a laptop and Postgres in a cluster."""

from typing import TYPE_CHECKING

from ml import store

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

TABLE = "flights"
COLUMNS = ["month", "day", "sched_dep_time", "dep_delay", "carrier", "origin", "dest", "distance", "hour"]
LATE_MINUTES = 15
ROWS_AT_ONCE = 50_000

# What was known before a flight left: how late its carrier, origin and hour were in the month before.
QUERY = f"""
WITH history AS (
    SELECT carrier, origin, hour, month + 1 AS month,
           AVG(CASE WHEN dep_delay > {LATE_MINUTES} THEN 1.0 ELSE 0.0 END) AS late_share, COUNT(*) AS flights
    FROM {TABLE} WHERE dep_delay IS NOT NULL GROUP BY carrier, origin, hour, month
)
SELECT f.month, CASE WHEN f.dep_delay > {LATE_MINUTES} THEN 1 ELSE 0 END AS late,
       CAST(f.hour AS FLOAT) AS f_hour, CAST(f.distance AS FLOAT) AS f_distance, CAST(f.day AS FLOAT) AS f_day,
       CAST(f.month AS FLOAT) AS f_month, CAST(h.late_share AS FLOAT) AS f_late_share,
       CAST(h.flights AS FLOAT) AS f_flights
FROM {TABLE} f JOIN history h
  ON h.carrier = f.carrier AND h.origin = f.origin AND h.hour = f.hour AND h.month = f.month
WHERE f.dep_delay IS NOT NULL
ORDER BY f.month, f.day, f.sched_dep_time, f.carrier, f.dest
"""


def load(table_uri: str, database: str) -> int:
    """Replace the table by the Parquet file's rows; returns how many."""
    flights = store.read_table(table_uri)[COLUMNS]
    if path := _duckdb_file(database):
        import duckdb

        with duckdb.connect(path) as connection:
            connection.register("incoming", flights)
            connection.execute(f"CREATE OR REPLACE TABLE {TABLE} AS SELECT * FROM incoming")
    else:
        flights.to_sql(TABLE, _engine(database), if_exists="replace", index=False, chunksize=ROWS_AT_ONCE)
    return len(flights)


def aggregate(database: str, result_uri: str) -> int:
    """Run the query in the database and write its result as Parquet; returns the rows."""
    if path := _duckdb_file(database):
        import duckdb

        with duckdb.connect(path, read_only=True) as connection:
            table = connection.execute(QUERY).df()
    else:
        import pandas as pd

        table = pd.read_sql(QUERY, _engine(database))
    store.write_table(table, result_uri)
    return len(table)


def _duckdb_file(database: str) -> str | None:
    return database.removeprefix("duckdb:///") if database.startswith("duckdb:") else None


def _engine(database: str) -> "Engine":
    from sqlalchemy import create_engine

    return create_engine(database)

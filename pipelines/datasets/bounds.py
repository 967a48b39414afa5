"""How long the values of a dataset may be: a title of 300 MB takes all memory, and is no title."""

import polars as pl

from pipelines.datasets.common import Reject, Tables, rejects_frame

MOST_BYTES_OF_A_VALUE = 10_000  # of a title, name, label or id of another catalogue
TEXTS_THAT_MUST_BE = ("artist", "title")


def within_bounds(tables: Tables, dataset: str) -> Tables:
    """The tables without values that are longer than any real one, which are put on record.

    Such a title becomes empty, any other such text unknown, and a label goes.
    """
    rejects: list[Reject] = []
    tracks = _labels_within_bounds(_texts_within_bounds(tables.tracks, rejects), rejects)
    details = None if tables.details is None else _texts_within_bounds(tables.details, rejects)
    found = rejects_frame(dataset, "read", rejects)
    kept = pl.concat([tables.rejects, found]) if rejects else tables.rejects
    return Tables(tracks, kept, tables.raw_rows, details)


def _texts_within_bounds(frame: pl.DataFrame, rejects: list[Reject]) -> pl.DataFrame:
    for name in (name for name, kind in frame.schema.items() if kind == pl.String):
        too_long = pl.col(name).str.len_bytes() > MOST_BYTES_OF_A_VALUE
        found = frame.filter(too_long).select("track_id", pl.col(name).str.len_bytes().alias("length")).rows()
        rejects += [_value_too_long(track_id, name, length) for track_id, length in found]
        empty = pl.lit("" if name in TEXTS_THAT_MUST_BE else None, pl.String)
        frame = frame.with_columns(pl.when(too_long).then(empty).otherwise(name).alias(name)) if found else frame
    return frame


def _labels_within_bounds(frame: pl.DataFrame, rejects: list[Reject]) -> pl.DataFrame:
    for name in ("genres", "tags"):
        labels = frame.select("track_id", pl.col(name).alias("label")).explode("label")
        found = labels.filter(pl.col("label").str.len_bytes() > MOST_BYTES_OF_A_VALUE)
        rejects += [_value_too_long(track_id, name, len(label.encode())) for track_id, label in found.iter_rows()]
        short = pl.col(name).list.filter(pl.element().str.len_bytes() <= MOST_BYTES_OF_A_VALUE)
        frame = frame.with_columns(short) if found.height else frame
    return frame


def _value_too_long(track_id: str, name: str, length: int) -> Reject:
    detail = f"{name} has {length:,} bytes, at most {MOST_BYTES_OF_A_VALUE:,} are kept; read as unknown"
    return Reject("value_too_long", track_id, None, None, detail)

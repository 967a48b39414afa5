"""Small valid frames of contract tables; each test changes what it is about."""

import polars as pl

EVIL = "'; DROP TABLE core.tracks; --"

FOLDS = pl.DataFrame(
    {
        "corpus": ["m4a", "m4a", "ru87"],
        "scheme": ["random5"] * 3,
        "track_id": ["b", "a", "a"],
        "fold": [1, 0, 4],
    }
)
LYRICS = pl.DataFrame(
    {
        "dataset": ["music4all"],
        "track_id": ["a"],
        "lyrics_status": ["ok"],
        "encoding": ["utf-8"],
        "lyrics_sha256": ["0"],
        "words_before": [2],
        "words_after": [2],
        "lines_before": [1],
        "lines_after": [1],
        "lyrics": ["licensed words"],
    }
)
GENRES = pl.DataFrame({"dataset": ["m"], "track_id": ["a"], "genre_position": [1], "genre": [EVIL]})


def results(*rows):
    """Rows (work, table_id, row_id, row_order, metric, printed, ours, status) as report.results."""
    shared = {"printed_sd": None, "printed_stars": None, "ours_sd": 0.5, "n": 5, "p_value": None, "stars": None}
    shared |= {"note": "why", "tracks_test": 31, "tracks_unlabelled": 1, "mixed": None}
    origin = {"corpus": "m4a", "data_kind": "sample", "profile": "sample", "init": "random", "run_ids": [["r1", "r2"]]}
    frames = [
        pl.DataFrame(
            {
                "work": work,
                "table_id": table_id,
                "table_title": "Baselines",
                "unit": "percent",
                "is_extra": False,
                "row_id": row_id,
                "row_order": order,
                "row_label": row_id.upper(),
                "metric": metric,
                "printed_mean": printed,
                "ours_mean": ours,
                "status": status,
                **shared,
                **origin,
            }
        )
        for work, table_id, row_id, order, metric, printed, ours, status in rows
    ]
    return pl.concat(frames, how="vertical_relaxed")

"""Mutators of the rows of every table: of lines, of fields between tabs, of CSV and of SQLite."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.robustness.mutators import ANYTHING, EITHER, GONE, Mutator, flipped

LONG, DIGITS = 20_000, "9" * 5000
OVER_A_LINE = (1 << 20) + 7
ODD_TEXTS = (
    "\0NUL\0", "a\rb", "line\u2028separator\x85", '"', "''", "=1+1", "'; DROP TABLE tracks; --", "\ufeff", "\u202egpj",
    "e\u0301" * 50, "%s%n", "{0}", "\\", "NA", "null", "None", "-", "<b>&amp;</b>", "𝔘𝔫𝔦", "\x1b[31m",
)  # fmt: skip
ODD_CSV_TEXTS = tuple(text for text in ODD_TEXTS if not set("\0\r") & set(text))
BAD_IDS = (
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "",
    "a/b",
    "a\\b",
    "x" * 300,
    "ab\0cd",
    "１２３",
    "a b",
    "~root",
    "\u202ea",
)
BAD_NUMBERS = ("inf", "-inf", "nan", "1e999", "abc", "0x10", "1,5", "--", DIGITS, "1e400", "½")
Row = Mutator[bytes]
Fields = Callable[[list[str], Random], list[str]]


def put(place: int, *values: str) -> Fields:
    """Put one of some values in a field."""

    def change(fields: list[str], random: Random) -> list[str]:
        return [*fields[:place], random.choice(values), *fields[place + 1 :]]

    return change


def tabs(change: Fields) -> Callable[[bytes, Random], bytes]:
    """A change of fields as one of a line of a tab-separated file."""
    return lambda line, random: "\t".join(change(line.decode().split("\t"), random)).encode()


def separated(change: Fields) -> Callable[[bytes, Random], bytes]:
    """As `tabs`, of unique_tracks.txt."""
    return lambda line, random: "<SEP>".join(change(line.decode().split("<SEP>"), random)).encode()


def as_csv(change: Fields) -> Callable[[bytes, Random], bytes]:
    """As `tabs`, of a whole row of CSV."""

    def changed(row: bytes, random: Random) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(change(next(csv.reader([row.decode()], strict=True)), random))
        return text.getvalue().removesuffix("\n").encode()

    return changed


def twice(row: bytes, _: Random) -> bytes:
    return row + b"\n" + row


def without_last(fields: list[str], _: Random) -> list[str]:
    return fields[:-1]


def with_another(fields: list[str], random: Random) -> list[str]:
    place = random.randrange(1, len(fields))
    return [*fields[:place], "more", *fields[place:]]


def latin_1(place: int) -> Callable[[bytes, Random], bytes]:
    """Turn the text of a row into bytes that are no UTF-8."""
    return lambda row, random: row.replace(
        b"\t", b"\t" + random.choice([b"Caf\xe9", b"\xed\xa0\x80", b"\xff\xfe"]), place
    )


def lines(split: Callable[[Fields], Callable[[bytes, Random], bytes]], title: int) -> list[Row]:
    """What can happen to a line that holds a track: its id first, its title at a place."""
    return [
        Mutator("bad id", split(put(0, *BAD_IDS)), ("refused_id",), GONE),
        Mutator("twice", twice, ("duplicate_id",)),
        Mutator("odd title", split(put(title, *ODD_TEXTS))),
        Mutator("long title", split(put(title, "x" * LONG, "é" * LONG)), ("value_too_long",)),
        Mutator("long line", split(put(title, "x" * OVER_A_LINE)), ("line_too_long",), GONE, 0.3),
        Mutator("a field less", split(without_last), ("too_few_columns",), GONE),
        Mutator("empty line", lambda _row, _random: b"", ("too_few_columns",), GONE),
        Mutator("bits", flipped, ANYTHING, EITHER, 3),
        Mutator("cut", lambda row, random: row[: random.randrange(len(row) + 1)], ANYTHING, EITHER),
        Mutator("random", lambda _row, random: random.randbytes(40).replace(b"\n", b""), ANYTHING, GONE),
    ]


def id_information() -> list[Row]:
    return [
        *lines(tabs, 2),
        Mutator("a field more", tabs(with_another), ("too_many_columns",), GONE),
        Mutator("no UTF-8", latin_1(1), ("decoded_as_latin_1",)),
        Mutator("gone", lambda _row, _random: b"\0removed", ("not_in_id_information", "no_row"), GONE),
    ]


def labels() -> list[Row]:
    """Of id_genres.csv and id_tags.csv."""
    return [
        Mutator("odd label", tabs(put(1, *ODD_TEXTS))),
        Mutator("no label", tabs(put(1, "", ",", " , ,"))),
        Mutator("many labels", tabs(put(1, ",".join(f"label {number}" for number in range(2000))))),
        Mutator("a label twice", tabs(put(1, "rock,rock", "a,b,a")), ("repeated_label",)),
        Mutator("long label", tabs(put(1, "x" * LONG)), ("value_too_long",)),
        Mutator("another id", tabs(put(0, "unknown1")), ("not_in_id_information", "no_row", "duplicate_id")),
        Mutator("a field less", tabs(without_last), ("too_few_columns",)),
        Mutator("a field more", tabs(with_another), ("too_many_columns",)),
        Mutator("bits", flipped, ANYTHING, EITHER, 2),
    ]


def id_lang() -> list[Row]:
    return [
        Mutator("odd language", tabs(put(1, *ODD_TEXTS))),
        Mutator("long language", tabs(put(1, "x" * LONG)), ("value_too_long",)),
        Mutator("bits", flipped, ANYTHING, EITHER, 2),
    ]


def id_metadata() -> list[Row]:
    numbers = (2, 3, 4, 5, 8, 9, 10)
    return [
        Mutator(
            "no number",
            tabs(lambda fields, random: put(random.choice(numbers), *BAD_NUMBERS)(fields, random)),
            ("unparsable_number",),
            weight=3,
        ),
        Mutator("no year", tabs(put(3, "0", "-5", "99999", "1999.5")), ("unparsable_number",)),
        Mutator("a year with a point", tabs(put(3, "1999.0", " 1999 ", ""))),
        Mutator("bits", flipped, ANYTHING, EITHER, 2),
    ]


def unique_tracks() -> list[Row]:
    return [
        *lines(separated, 3),
        Mutator("a separator more", lambda row, _random: row + b"<SEP>more"),
        Mutator("no UTF-8", lambda row, _random: row + b" \xe9\xff", ("decoded_as_latin_1",)),
    ]


def _a_quote_less(row: bytes, _: Random) -> bytes:
    return row.replace(b'"', b"", 1) if b'"' in row else b'"' + row


def genius() -> list[Row]:
    damaged = [
        Mutator("id too large", as_csv(put(7, str(2**63), "9" * 25, DIGITS)), ("refused_id",), GONE),
        Mutator("NUL", lambda row, _random: row.replace(b",", b"\0,", 1), ("nul_byte",), GONE),
        Mutator("a quote less", _a_quote_less, ("unclosed_quote",), GONE),
        Mutator("a field less", as_csv(lambda fields, _random: fields[1:]), ("too_few_columns",), GONE),
        Mutator("a field more", as_csv(lambda fields, _random: ["more", *fields]), ("too_many_columns",), GONE),
        Mutator("long row", as_csv(put(6, "x " * (17 << 20))), ("row_too_long",), GONE, 0.05),
        Mutator(
            "no UTF-8",
            lambda row, _random: row.replace(b",", b"\xe9,", 1),
            ("decoded_as_latin_1", "malformed_row"),
            EITHER,
        ),
        Mutator("bits", flipped, ANYTHING, EITHER, 2),
    ]
    return [
        *damaged,
        Mutator("twice", twice, ("duplicate_id",)),
        Mutator("odd title", as_csv(put(0, *ODD_CSV_TEXTS))),
        Mutator("long title", as_csv(put(0, "x" * LONG)), ("value_too_long",)),
        Mutator("no views", as_csv(put(4, "abc", DIGITS, "1e5x")), ("unparsable_number",)),
        Mutator("no year", as_csv(put(3, "abc", DIGITS)), ("unparsable_number",)),
        Mutator("no tag", as_csv(put(1, "jazz", "", "x" * 200)), ("unknown_tag",)),
        Mutator("row end within", as_csv(put(6, "a line\nand,12,en,en,en\nanother")), ANYTHING, EITHER),
        Mutator("long lyrics", as_csv(put(6, "la la\n" * 200_000)), (), EITHER),
    ]


def fma_tracks(places: dict[str, int]) -> list[Row]:
    """Of tracks.csv, whose fields are found by the names of `fma.WANTED`."""
    genres, tags = places["genres"], places["tags"]
    return [
        Mutator("bad id", as_csv(put(0, DIGITS, "0x1F", "-5", "", "1.0", "٣٤", "../2")), ("refused_id",), GONE),
        Mutator("twice", twice, ("duplicate_id",)),
        Mutator("odd title", as_csv(put(places["title"], *ODD_CSV_TEXTS))),
        Mutator("long title", as_csv(put(places["title"], "x" * LONG)), ("value_too_long",)),
        Mutator(
            "no list of genres",
            as_csv(
                put(
                    genres,
                    f"[{DIGITS}]",
                    f"[0x{'f' * 5000}]",
                    "[" * 60_000,
                    "[1e999]",
                    "__import__('os')",
                    "{1: 2}",
                    "[-",
                )
            ),
            ("unparsable_list",),
        ),
        Mutator("unknown genre", as_csv(put(genres, "[424242]", "[0x1FFFF]", "[-7]")), ("unknown_genre",)),
        Mutator(
            "no list of tags",
            as_csv(put(tags, "['\\ud800']", "[0x1F, 5]", f"[{DIGITS}]", "'text'", "[[1], {}]", "[b'x']")),
            ("unparsable_list",),
        ),
        Mutator("long tag", as_csv(put(tags, f"['{'x' * LONG}']")), ("value_too_long",)),
        Mutator("no duration", as_csv(put(places["duration"], DIGITS, "abc", "-1", "inf")), ("unparsable_number",)),
        Mutator("no split", as_csv(put(places["split"], "trainig", "")), ("unknown_split",)),
        Mutator("no subset", as_csv(put(places["subset"], "tiny", "x" * 300)), ("unknown_subset",)),
        Mutator("no date", as_csv(put(places["released"], "٣٣٣٣", "never", "0000"))),
        Mutator("a field less", as_csv(without_last), ("too_few_columns",), GONE),
        Mutator("a field more", as_csv(with_another), ("too_many_columns",), GONE),
        Mutator("NUL", lambda row, _random: row + b"\0", ("nul_byte",), GONE),
        Mutator("a quote more", lambda row, _random: row + b'"', ("unclosed_quote", "malformed_row"), GONE),
        Mutator("bits", flipped, ANYTHING, EITHER, 2),
    ]


GENRE_ROWS = [  # that are added to genres.csv
    Mutator("Latin-1", lambda _row, _random: b"9001,1,0,Musique concr\xe8te,9001", ("decoded_as_latin_1",)),
    Mutator("open quote", lambda _row, _random: b'9002,1,0,"Open,9002', ("unparsable_row",)),
    Mutator("long id", lambda _row, _random: f"{DIGITS},1,0,Long,1".encode(), ("unparsable_row",)),
    Mutator("no title", lambda _row, _random: b"9003,1,0,,9003", ("unparsable_row",)),
    Mutator("short", lambda _row, _random: b"9004", ("unparsable_row",)),
    Mutator(
        "random", lambda _row, random: random.randbytes(30).replace(b"\n", b"").replace(b'"', b""), ("unparsable_row",)
    ),
    Mutator("long line", lambda _row, _random: b"9005,1,0," + b"x" * OVER_A_LINE, ("unparsable_row",)),
]

Values = dict[str, Any]


def column(name: str, *values: Any) -> Callable[[Values, Random], Values]:
    """Put one of some values in a column."""
    return lambda row, random: {**row, name: random.choice(values)}


def sqlite(numbers: Sequence[str] = ("year", "track_7digitalid", "shs_perf", "shs_work")) -> list[Mutator[Values]]:
    """Of table songs of track_metadata.db, which keeps whatever is put into a column."""
    bad = (math.inf, "abc", 2**40, -(2**62), 0.5, b"\xff", "9" * 400)
    return [
        Mutator(
            "no whole number",
            lambda values, random: column(random.choice(numbers), *bad)(values, random),
            ("unparsable_number",),
            weight=4,
        ),
        Mutator("a number with a point", column("track_7digitalid", 8947470.0, 5.0)),
        Mutator("nothing", lambda row, random: {**row, random.choice([*numbers, "duration", "release"]): None}),
        Mutator("no duration", column("duration", "long", math.inf, b"\0\0"), ("unparsable_number",)),
        Mutator("odd title", column("title", *ODD_TEXTS, 7, 7.5, None)),
        Mutator("no UTF-8", column("artist_name", b"Caf\xe9", b"\xff\xfe\0"), ("decoded_as_latin_1",)),
        Mutator("long title", column("title", "x" * LONG, "é" * LONG, b"x" * 1_000_000), ("value_too_long",)),
        Mutator("long artist id", column("artist_id", "x" * LONG), ("value_too_long",)),
        Mutator("bad id", lambda row, random: {**row, "track_id": f"{random.choice(BAD_IDS)}\0{row['track_id']}"},
                ("refused_id",), GONE),
        Mutator("no id", column("track_id", None), ("refused_id",), GONE),
    ]  # fmt: skip

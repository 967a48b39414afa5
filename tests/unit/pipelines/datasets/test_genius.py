"""The reader of Genius' CSV: damage stays in its row, whatever it is; where going on would be a lie, it stops."""

import traceback
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.datasets import genius
from pipelines.datasets.common import DatasetError, Tables
from pipelines.datasets.genius_rows import Place, lyrics_at
from tests.unit.pipelines.tiny_datasets import genius_row, write_genius

REAL = Path(__file__).parents[5] / "shared" / "real" / "matching" / "genius_song_lyrics_sample.csv"
COUNT, BAD = 400, 200
BAD_LINE = 2 + 4 * BAD  # a header, and four lines for each row
ROWS = [genius_row(number) for number in range(COUNT)]


def read(path: Path) -> Tables:
    return genius.read(genius.locate(path, path.parent / "workspace"))


def with_bad_row(path: Path, change: Callable[[str], str]) -> Path:
    return write_genius(path, [*ROWS[:BAD], change(ROWS[BAD]), *ROWS[BAD + 1 :]])


def test_every_value_arrives(tmp_path: Path) -> None:
    rows = [
        genius_row(7, tag="misc", year="0", title='The "Best", of', features="{}", language="", language_ft=""),
        genius_row(8, artist="CAM'RON ", title="title 9", tag="rb"),
        genius_row(9, lyrics=""),
    ]
    tables = read(write_genius(tmp_path / "song_lyrics.csv", rows))
    assert tables.tracks.select("track_id", "title", "release_year", "genres", "language_label").rows() == [
        ("7", 'The "Best", of', None, ["misc"], None),
        ("8", "title 9", 2004, ["rb"], "en"),
        ("9", "Title 9", 2004, ["rap"], "en"),
    ]
    assert tables.details is not None
    assert tables.details.select("is_song", "language_ft", "same_song_rows").rows() == [
        (False, None, 1), (True, "en", 2), (True, "en", 2),
    ]  # fmt: skip
    assert tables.details["featured_artists"].to_list() == [[], *[["Cam'ron", "Styles P", "Nas"]] * 2]
    assert tables.details["lyrics_bytes"].to_list()[2] == 0
    assert tables.rejects.is_empty()
    assert not any("line one" in str(row) for row in (*tables.tracks.rows(), *tables.details.rows()))


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("unclosed_quote", lambda row: row.replace('"",200', '"200').replace('""",200', '"",200')),
        ("unclosed_quote", lambda row: row.replace('"[Verse', "[Verse")),
        ("malformed_row", lambda row: row.replace('""yes""', '"yes"')),
        ("nul_byte", lambda row: row.replace("line one", "line\0one")),
        ("nul_byte", lambda row: "\0" * 5000 + row),
        ("too_few_columns", lambda _: "Title,rap,Artist,2004\n"),
        ("too_few_columns", lambda row: row.replace(",en,en,en\n", ",en\n")),
        ("too_many_columns", lambda row: row.replace(",en,en,en\n", ",en,en,en,en!\n")),
        ("unclosed_quote", lambda row: 'Say ""Hi""",' + row.partition(",")[2]),
    ],
)
def test_a_bad_row_is_on_record_with_its_line_and_every_other_row_is_read(
    tmp_path: Path, reason: str, change: Callable[[str], str]
) -> None:
    path = with_bad_row(tmp_path / "song_lyrics.csv", change)
    layout = genius.locate(path, tmp_path)
    tables = genius.read(layout)
    assert tables.rejects.select("reason", "source_file", "source_row").rows() == [(reason, path.name, BAD_LINE)]
    assert tables.tracks["track_id"].to_list() == sorted(str(number) for number in range(COUNT) if number != BAD)
    assert tables.raw_rows == {path.name: COUNT}
    neighbour = genius.lyrics_of(layout, pl.Series([BAD - 1, BAD, BAD + 1]))
    assert neighbour["lyrics"].to_list() == [f'[Verse 1]\nline one, of {n}\n\nshe said "yes"' for n in (199, 201)]
    layout.mended.unlink()
    assert genius.lyrics_of(layout, pl.Series([BAD + 1])).height == 1


def test_two_faults_that_cancel_each_other_are_found(tmp_path: Path) -> None:
    rows = [*ROWS]
    rows[BAD] = rows[BAD].replace('yes""",', 'yes""",'.replace('""",', '"",'))
    rows[BAD + 1] = rows[BAD + 1].replace('"[Verse', "[Verse")
    tables = read(write_genius(tmp_path / "song_lyrics.csv", rows))
    assert tables.tracks.height == COUNT - 2
    assert tables.rejects["source_row"].to_list() == [BAD_LINE, BAD_LINE + 4]


@pytest.mark.parametrize("cut", [60, 20, 8])
def test_a_file_that_is_cut_off_stops(tmp_path: Path, cut: int) -> None:
    path = write_genius(tmp_path / "song_lyrics.csv", ROWS)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DatasetError, match=rf"ends in the middle of a row: line {2 + 4 * (COUNT - 1):,}.*cut off"):
        read(path)


def test_too_much_damage_stops(tmp_path: Path) -> None:
    path = write_genius(tmp_path / "song_lyrics.csv", [row.replace('"[Verse', "[Verse") for row in ROWS])
    with pytest.raises(DatasetError, match=r"damaged in 400 places.*first is line 2"):
        read(path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "title;tag;artist;year;views;features;lyrics;id;language_cld3;language_ft;language",
            "by semicolons",
        ),
        ("title,tag,artist,year,views,features,text,id,language_cld3,language_ft,language", "no column lyrics"),
        ("tag,title,artist,year,views,features,lyrics,id,language_cld3,language_ft,language", "another order"),
        ("A,rap,B,2004,1,{},x,1,en,en,en", "no header line"),
        ("", "is empty"),
    ],
)
def test_another_header_stops_before_any_row_is_read(tmp_path: Path, header: str, words: str) -> None:
    (tmp_path / "song_lyrics.csv").write_text(f"{header}\n{ROWS[0]}" if header else "")
    with pytest.raises(DatasetError, match=words):
        genius.locate(tmp_path, tmp_path)


def test_line_ends_of_windows_and_a_latin_1_row_change_nothing_else(tmp_path: Path) -> None:
    plain = read(write_genius(tmp_path / "a.csv", ROWS))
    windows = read(write_genius(tmp_path / "b.csv", [row.replace(",en,en,en\n", ",en,en,en\r\n") for row in ROWS]))
    assert windows.tracks.equals(plain.tracks)
    latin = read(with_bad_row(tmp_path / "c.csv", lambda row: row.replace("Title 200", "\udcc9t\udce9")))
    assert latin.tracks.filter(track_id="200")["title"].to_list() == ["Été"]
    assert latin.rejects.select("reason", "track_id", "source_row").rows() == [("decoded_as_latin_1", "200", BAD_LINE)]


def test_repeated_ids_are_on_record_and_unknown_tags_are_no_genres(tmp_path: Path) -> None:
    rows = [*ROWS[:3], genius_row(1, title="Other"), genius_row(900, tag="polka", views="many")]
    tables = read(write_genius(tmp_path / "song_lyrics.csv", rows))
    assert tables.tracks["title"].to_list()[:3] == ["Title 0", "Title 1", "Title 2"]
    assert tables.tracks["genres"].to_list()[3] == []
    assert sorted(tables.rejects.select("reason", "track_id").rows()) == [
        ("duplicate_id", "1"), ("unknown_tag", "900"), ("unparsable_number", "900"),
    ]  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_byte_lost_anywhere_costs_two_rows_at_most(tmp_path: Path, data: st.DataObject) -> None:
    path = write_genius(tmp_path / "song_lyrics.csv", ROWS[:40])
    content = path.read_bytes()
    place = data.draw(st.integers(len(content) // 4, 3 * len(content) // 4))
    path.write_bytes(content[:place] + content[place + 1 :])
    tables = read(path)
    ids = set(tables.tracks["track_id"])
    assert tables.tracks.height >= 38
    # A digit of an id may be what was lost, which no reader can know.
    assert len(ids - {str(number) for number in range(40)}) <= 1
    assert tables.tracks.height == 40 or tables.rejects.height >= 1


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there")
def test_real_rows_are_read() -> None:
    tables = genius.read(genius.locate(REAL, REAL.parent / "never written"))
    assert tables.raw_rows == {"song_lyrics.csv": 50}
    assert tables.rejects.is_empty()
    assert tables.tracks["title"][0] == "Killa Cam"
    assert tables.details is not None
    assert tables.details["featured_artists"][0].to_list() == ["Cam'ron", "Opera Steve"]


def test_rows_keep_their_order_when_several_blocks_are_read_at_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(genius, "MOST_BYTES_OF_A_ROW", 1 << 14)
    path = write_genius(tmp_path / "song_lyrics.csv", [genius_row(number) for number in range(4000)])
    songs = genius.read_songs(path, tmp_path / "mended.csv")
    assert songs.frame["id"].to_list() == list(range(4000))
    assert not (tmp_path / "mended.csv").exists()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_rows_are_found_again_by_their_place(tmp_path: Path, line_end: str) -> None:
    odd = genius_row(900, lyrics='é "x", y\n\n', title='"', artist="a,b", tag="rb", year="", features="", language="")
    rows = [*ROWS[:3], odd, genius_row(901, lyrics=""), *ROWS[3:5]]
    path = write_genius(tmp_path / "song_lyrics.csv", [row.removesuffix("\n") + line_end for row in rows])
    end = line_end.encode()
    path.write_bytes(path.read_bytes().replace(b"language\n", b"language" + end, 1).removesuffix(end))
    layout = genius.locate(path, tmp_path)
    details = genius.read(layout).details
    places = [Place(int(song), *place) for song, *place in details.select("track_id", "csv_offset", "csv_bytes").rows()]
    found = dict(lyrics_at(path, places, genius.COLUMNS))
    assert (found["900"], found["901"], len(found)) == ('é "x", y\n\n', "", 7)
    assert lyrics_at(path, [places[0]._replace(song=5)], genius.COLUMNS) is None
    assert lyrics_at(path, [places[0]._replace(offset=40)], genius.COLUMNS) is None


def test_fields_quoted_for_nothing_leave_the_places_open(tmp_path: Path) -> None:
    tables = read(write_genius(tmp_path / "song_lyrics.csv", [ROWS[0], ROWS[1].replace("Title 1", '"Title 1"')]))
    assert tables.details["csv_offset"].to_list() == [None, None]
    assert tables.tracks["title"].to_list() == ["Title 0", "Title 1"]


HIDDEN = "a line that nobody may publish"


@pytest.mark.parametrize(
    "damaged",
    [
        lambda rows: rows[:-40],
        lambda rows: rows.replace('"', "", 1),
        lambda rows: rows.replace(",rap,", ",", 1),
        lambda rows: rows.replace(",rap,", ",rap,more,", 1),
        lambda rows: rows.replace(",17,", f',"{HIDDEN}",', 1),
        lambda rows: rows.replace(f"{HIDDEN}\n", f"{HIDDEN}\0\udcff\n", 1),
    ],
)
def test_lyrics_are_quoted_in_no_reject_and_no_traceback(tmp_path: Path, damaged: Callable[[str], str]) -> None:
    rows = damaged("".join(genius_row(number, f"{HIDDEN}\n{HIDDEN}") for number in range(30)))
    try:
        told = str(read(write_genius(tmp_path / "song_lyrics.csv", [rows])).rejects.rows())
    except DatasetError as error:
        told = "".join(traceback.format_exception(error))
    assert told != "[]"
    assert HIDDEN not in told
    without_header = tmp_path / "other" / "song_lyrics.csv"
    without_header.parent.mkdir()
    without_header.write_text(f'"{HIDDEN}",rap\n')
    with pytest.raises(DatasetError) as stopped:
        read(without_header)
    assert HIDDEN not in str(stopped.value)

"""One reader for TOML and JSON: values come out as declared, and every file's mistakes are told in the same words."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgc_models.config.run import JobSpec
from pipelines.corpora.config import FOLDER as CORPORA
from pipelines.corpora.config import load_corpus
from pipelines.datasets.cards import FOLDER as CARDS
from pipelines.datasets.cards import DatasetCard
from pipelines.experiments.schema import EXPERIMENTS, read_base, read_table
from pipelines.experiments.works import load_works
from pipelines.genres.coarse import FILE as COARSE
from pipelines.genres.coarse import load_coarse_map
from pipelines.matching.rules import RULES_FILE, RulesFile
from warehouse.contract import CONTRACTS, read_contract
from warehouse.parsing import Above, Below, FileError, Minimum, Pattern, SpecError, parse, plain, read

ROOT = Path(__file__).parents[3]


class Number(NamedTuple):
    mean: float | None = None
    mark: Literal["*", "-"] | None = None


@dataclass(frozen=True)
class Circle:
    shape: Literal["circle"]
    radius: Annotated[float, Above(0), Below(10)]


@dataclass(frozen=True)
class Square:
    shape: Literal["square"]
    side: Annotated[int, Minimum(1)] = 1


@dataclass(frozen=True)
class Drawing:
    name: str
    title: Annotated[str, Pattern("[a-z]+", "small letters")] = field(metadata={"key": "from"})
    shapes: tuple[Circle | Square, ...] = ()
    numbers: Mapping[str, Number] = field(default_factory=dict)
    note: str | None = None

    def __post_init__(self) -> None:
        if len(self.shapes) > 3:
            raise SpecError("shapes", "at most 3", len(self.shapes))


CIRCLE = {"shape": "circle", "radius": 2}


def test_what_stands_in_a_file_comes_out_as_declared() -> None:
    raw = {"a": {"from": "x", "shapes": [CIRCLE, {"shape": "square"}], "numbers": {"f1": [1], "loss": []}}}
    drawing = parse(dict[str, Drawing], raw)["a"]
    assert drawing == Drawing(
        "a", "x", (Circle("circle", 2.0), Square("square")), {"f1": Number(1.0), "loss": Number()}
    )
    assert isinstance(drawing.shapes[0], Circle)
    assert isinstance(drawing.shapes[0].radius, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"from": "X"}, "a.from: expected small letters, found 'X'"),
        ({"from": None}, "a.from: expected a text that is not empty, found None"),
        ({"title": "x"}, "a.title: expected one of from, note, numbers, shapes, found an unknown key"),
        ({"name": "x"}, "a.name: expected one of from, note, numbers, shapes, found an unknown key"),
        ({"shapes": CIRCLE}, "a.shapes: expected a list, found {'shape': 'circle', 'radius': 2}"),
        ({"shapes": [7]}, "a.shapes[0]: expected a table, found 7"),
        ({"shapes": [{}]}, "a.shapes[0].shape: expected one of circle, square, found nothing (the key is missing)"),
        ({"shapes": [{"shape": []}]}, "a.shapes[0].shape: expected one of circle, square, found []"),
        ({"shapes": [CIRCLE | {"radius": 10}]}, "a.shapes[0].radius: expected a number below 10, found 10.0"),
        ({"shapes": [CIRCLE | {"radius": 10**400}]}, "a.shapes[0].radius: expected a finite number, found 1000"),
        (
            {"shapes": [{"shape": "square", "id": "s"}]},
            "a.shapes 's'.id: expected one of shape, side, found",
        ),
        ({"shapes": [CIRCLE] * 4}, "a.shapes: expected at most 3, found 4"),
        ({"numbers": {"f1": [1, "+"]}}, "a.numbers.f1.mark: expected one of *, -, found '+'"),
        ({"numbers": {"f1": [1, "*", 2]}}, "a.numbers.f1: expected a list of mean, mark, found [1, '*', 2]"),
    ],
)
def test_a_mistake_is_told_with_its_place_what_was_expected_and_what_was_found(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse(dict[str, Drawing], {"a": {"from": "x"} | change})
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


WORDS = st.text("abc", min_size=1)


@given(st.builds(JobSpec, WORDS, st.just("cpu"), st.just(()), threads=st.none() | st.integers(1)))
def test_what_was_written_down_is_read_as_the_same(job: JobSpec) -> None:
    assert parse(JobSpec, json.loads(json.dumps(plain(job)))) == job


# Reader of a file, a text that stands in it, a mistake in its place, and the place as messages name it.
READERS: dict[Path, tuple[Callable[[Path], Any], str, str, str]] = {
    EXPERIMENTS / "jiang2024/base/mae.toml": (
        lambda path: read_base(path, path.parents[2]),
        "folds = 5",
        "fold = 5",
        "data.fold",
    ),
    EXPERIMENTS / "jiang2024/table_6_9.toml": (
        lambda path: read_table(path, path.parents[1]),
        "title = ",
        "titel = ",
        "titel",
    ),
    EXPERIMENTS / "works.toml": (load_works.__wrapped__, "cited = ", "cites = ", "jiang2024.cites"),
    CORPORA / "m4a.toml": (lambda path: load_corpus("m4a", path.parent), "k = 50", "K = 50", "genre_scope.K"),
    CONTRACTS / "core.toml": (lambda path: read_contract(path.parent), "row = ", "rows = ", "raw_files.rows"),
    COARSE: (load_coarse_map, "\nendings = ", "\nending = ", "hip hop.ending"),
    CARDS / "msd.toml": (lambda path: read(path, DatasetCard, dataset="msd"), "licence = ", "license = ", "license"),
    RULES_FILE: (lambda path: read(path, RulesFile), "short_letters = ", "shorter = ", "fuzzy.shorter"),
}


@pytest.mark.parametrize("source", READERS, ids=lambda path: path.name)
def test_an_unknown_key_of_any_file_is_told_alike(source: Path, tmp_path: Path) -> None:
    read_it, old, new, place = READERS[source]
    path = tmp_path / source.relative_to(ROOT)
    shutil.copytree(source.parent, path.parent)
    read_it(path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected one of .*, found an unknown key") as caught:
        read_it(path)
    assert f"{source.name}: {place}: expected one of " in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[a", "is not TOML: "), (b"\xff\xfe", "is not TOML: "), (None, "cannot be read: No such file or directory.")],
)
def test_a_file_that_is_none_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "drawing.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(path, Drawing)
    assert str(caught.value).startswith(f"{path}: {message}")

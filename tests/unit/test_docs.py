"""Every link of the documentation leads somewhere, and every decision is in the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTES = sorted(set(DECISIONS.glob("*.md")) - {DECISIONS / "README.md"})
SOURCES = ("warehouse", "mgc_models", "pipelines", "tests")

CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
SECTION = re.compile(r"^## +(.+?)\s*$", re.MULTILINE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FILE_IN_REPOSITORY = re.compile(r"`((?:warehouse|mgc_models|pipelines|tests|docs)/[\w/.-]+\.[a-z]+)`")
NOTE_IN_SOURCE = re.compile(r"decisions/\w[\w.-]*(?:#[\w-]+)?")


def anchor(heading: str) -> str:
    """Anchor that a Markdown viewer gives a heading: lower case, hyphens for spaces, no punctuation."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in HEADING.findall(CODE_BLOCK.sub("", page.read_text()))}


def links(page: Path) -> list[str]:
    text = CODE.sub("", CODE_BLOCK.sub("", page.read_text()))
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def leads_nowhere(link: str, page: Path) -> bool:
    """Whether a relative link of a page names a file, folder or heading that does not exist."""
    name, _, fragment = link.partition("#")
    target = page.parent / name if name else page
    return not target.exists() or (bool(fragment) and fragment not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page) if leads_nowhere(link, page)] == []
    named = FILE_IN_REPOSITORY.findall(page.read_text())
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_links_to_missing_files_and_headings_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Top of `it`\n[a](#top-of-it) [b](#b) [c](page.md#c) [d](d.md) [e](https://x.org) `[f](f.md)`\n")
    assert [link for link in links(page) if leads_nowhere(link, page)] == ["#b", "page.md#c", "d.md"]


def test_index_of_decisions_has_every_section_of_every_note() -> None:
    indexed = links(DECISIONS / "README.md")
    sections = {f"{note.name}#{anchor(name)}" for note in NOTES for name in SECTION.findall(note.read_text())}
    assert {note.name for note in NOTES} - {link.partition("#")[0] for link in indexed} == set()
    assert sections - set(indexed) == set()


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.name)
def test_every_decision_is_dated(note: Path) -> None:
    _, *sections = SECTION.split(note.read_text())
    undated = [name for name, text in zip(sections[::2], sections[1::2], strict=True) if not DATE.search(text)]
    assert undated == []


def test_decisions_named_in_source_exist() -> None:
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".toml"}]
    named = {
        f"{path.relative_to(ROOT)}: {reference.rstrip('.')}"
        for path in [*files, ROOT / "dagster.yaml", ROOT / "pyproject.toml"]
        if path != Path(__file__)
        for reference in NOTE_IN_SOURCE.findall(path.read_text())
        if leads_nowhere(reference.rstrip("."), DECISIONS)
    }
    assert named == set()

"""Pages with generated blocks: `<!-- generated: NAME -->`, the lines that the code says, `<!-- end -->`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.docs.blocks import BLOCKS
from warehouse.store import replacing

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/real_data.md")
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
MARK = re.compile(r"<!-- (?:generated: .*|end) -->")


class PageError(ValueError):
    """A page whose marks cannot be followed; the message says which and what was expected."""


def rewritten(text: str, blocks: Mapping[str, Callable[[], str]] = BLOCKS) -> str:
    """Give a page with its blocks as they follow from the code; everything else stays.

    Args:
        text: The page, in Markdown.
        blocks: What makes each block.

    Raises:
        PageError: for a block that nothing makes, and a mark without its partner.
    """
    if stray := MARK.search(BLOCK.sub("", text)):
        raise PageError(f"{stray[0]} has no partner; expected <!-- generated: NAME --> and, below it, <!-- end -->.")
    if unknown := [match[2] for match in BLOCK.finditer(text) if match[2] not in blocks]:
        raise PageError(f"Nothing makes block {unknown[0]!r}; there are {', '.join(blocks)}.")
    return BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]()}\n{match[4]}", text)


def out_of_date(root: Path = ROOT) -> list[str]:
    """Pages whose blocks differ from what the code says.

    Raises:
        PageError: as `rewritten`, naming the page.
    """
    return [name for name in PAGES if _rewritten(root / name) != (root / name).read_text(encoding="utf-8")]


def write_pages(root: Path = ROOT) -> list[str]:
    """Bring the pages up to date; returns those that were written.

    Raises:
        PageError: as `rewritten`, naming the page.
    """
    names = out_of_date(root)
    for name in names:
        text = _rewritten(root / name)
        with replacing(root / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return names


def _rewritten(path: Path) -> str:
    try:
        return rewritten(path.read_text(encoding="utf-8"))
    except PageError as error:
        raise PageError(f"{path.name}: {error}") from error

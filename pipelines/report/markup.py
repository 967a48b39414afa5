"""HTML from Python values; everything that is text is escaped."""

import html
from collections.abc import Iterable, Sequence


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(value: object) -> Markup:
    """Escape a value, unless it is HTML already."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def tag(name: str, *content: object, **attributes: str) -> Markup:
    """`<name attribute="…">content</name>`; an underscore at the end of an attribute's name is dropped (`class_`)."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{''.join(escape(part) for part in content)}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Parts one after the other."""
    return Markup("\n".join(escape(part) for part in parts))


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """A table whose first column heads the rows; on a narrow screen each row becomes a list, labelled by the header."""
    head = tag("tr", *(tag("th", cell, scope="col") for cell in header))
    labels = [str(cell) for cell in header[1:]]
    body = []
    for first, *rest in rows:
        cells = [tag("td", tag("span", cell), data_label=label) for label, cell in zip(labels, rest, strict=True)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    return tag("div", tag("table", tag("thead", head), tag("tbody", join(body))), class_="scroll", tabindex="0")

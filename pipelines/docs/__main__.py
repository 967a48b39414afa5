"""`python -m pipelines.docs`: write the generated parts of the README, or say what is out of date."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.docs.pages import PAGES, PageError, out_of_date, write_pages

STALE, REFUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 when `--check` found a page out of date, 2 when a page or store cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        if options.check:
            return _check()
        for name in write_pages():
            print(f"written: {name}")
        if options.picture:
            from pipelines.docs.picture import write_picture  # noqa: PLC0415 - playwright is for developers

            print(f"written: {write_picture(options.picture)}")
    except (PageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    return 0


def _check() -> int:
    names = out_of_date()
    for name in names:
        print(f"{name} is out of date: python -m pipelines.docs writes it anew", file=sys.stderr)
    return STALE if names else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.docs",
        description=f"Write the generated parts of {' and '.join(PAGES)}: the lines between <!-- generated: NAME --> "
        "and <!-- end -->, which follow from works, jobs, variables, targets of make, datasets and features.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a page is out of date")
    parser.add_argument(
        "--picture",
        metavar="STORE",
        type=Path,
        help="also photograph report.html of this store for the README, with Chromium (packages of the extra dev)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

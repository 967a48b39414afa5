"""`python -m pipelines.datasets check`: what is found, missing and corrupt, before anything runs."""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.config import Settings, SettingsError, from_environment
from pipelines.datasets.cards import DATASETS, DatasetCard, load_card
from pipelines.datasets.common import as_text
from pipelines.datasets.inspection import Finding, inspect_dataset

WIDTH = 110


@dataclass(frozen=True)
class Report:
    """What was found of one dataset; `path` is None where its variable is not set."""

    about: DatasetCard
    path: Path | None
    findings: Sequence[Finding]

    @property
    def is_usable(self) -> bool:
        """Whether nothing that is required is missing or unreadable."""
        return not any(finding.stops for finding in self.findings)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 when something required is missing or unreadable, 2 for a setting that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        settings = from_environment()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    names = [options.dataset] if options.dataset else DATASETS
    reports = [_report(name, settings, quick=options.quick) for name in names]
    print(
        json.dumps([_as_json(report) for report in reports], indent=2) if options.json else as_text(_as_text(reports))
    )
    asked_in_vain = options.dataset and reports[0].path is None
    return 0 if all(report.is_usable for report in reports) and not asked_in_vain else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.datasets", description="The datasets as researchers have them on disk."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check",
        help="say what is found, missing and corrupt",
        description="Look at every dataset that an MGC_* variable points at, with the readers of the pipeline: which "
        "files are found, which are missing, which files and rows are corrupt, by count and path. Every row of the "
        "tables is read (a minute or two for Genius' 9 GB); audio is not decoded, only its first bytes are read. "
        "Nothing is changed. Datasets that are not set are listed with what they must hold.",
        epilog="Exit status: 0 all is well; 1 something required is missing or unreadable; 2 a setting cannot be used. "
        "Variables: MGC_MUSIC4ALL_DIR, MGC_MSD_DIR, MGC_GENIUS_CSV, MGC_FMA_DIR, MGC_FMA_LYRICS_DIR. "
        "Example: MGC_FMA_DIR=/data/fma python -m pipelines.datasets check --dataset fma",
    )
    check.add_argument("--dataset", choices=DATASETS, help="only this dataset; status 1 if its variable is not set")
    check.add_argument("--quick", action="store_true", help="names, headers and sizes only: no rows, no audio")
    check.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _report(dataset: str, settings: Settings, *, quick: bool) -> Report:
    about, path = load_card(dataset), settings.datasets.get(dataset)
    lyrics = settings.datasets.get("fma_lyrics") if dataset == "fma" else None
    findings = inspect_dataset(dataset, path, lyrics, quick=quick) if path else []
    return Report(about, path, findings)


def _as_json(report: Report) -> dict[str, object]:
    return {
        **asdict(report.about),
        "path": str(report.path) if report.path else None,
        "status": ("usable" if report.is_usable else "unusable") if report.path else "not set",
        "findings": [asdict(finding) for finding in report.findings],
    }


def _as_text(reports: Sequence[Report]) -> str:
    blocks = [_block(report) for report in reports]
    if all(report.path is None for report in reports):
        blocks.append("No dataset is set. Without any, the pipeline runs on the sample corpus that it generates.")
    return "\n\n".join(blocks)


def _block(report: Report) -> str:
    about, variable = report.about, report.about.variables[0]
    title = f"{about.name}  {variable}" + (f"={report.path}" if report.path else " is not set; it must hold:")
    if report.path:
        lines = [_line(finding) for finding in report.findings]
        lines.append("  usable" if report.is_usable else "  NOT USABLE: mend the lines marked !")
    else:
        lines = [_wrapped(f"  {expected.path:<34} ", expected.what) for expected in about.layout]
    words = {"licence": about.licence, "cite": about.citation, "from": about.url}
    return "\n".join([title, *lines, *(_wrapped(f"  {word + ':':<9}", text) for word, text in words.items())])


def _line(finding: Finding) -> str:
    mark = "!" if finding.stops else " "
    shown = "; ".join(finding.paths)
    more = f" and {finding.count - len(finding.paths):,} more" if finding.paths and finding.count > 1 else ""
    more = more if finding.count > len(finding.paths) else ""
    paths = f": {shown}{more}" if shown else ""
    return _wrapped(f"{mark} {finding.status:<8} {finding.item:<26} ", f"{finding.count:,} {finding.detail}{paths}")


def _wrapped(head: str, text: str) -> str:
    indent = " " * min(len(head), WIDTH // 2)
    return textwrap.fill(
        text, WIDTH, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    sys.exit(main())

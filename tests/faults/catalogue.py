"""The seeded faults as data: small, plausible mistakes in the code behind the numbers of the report."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes:
        group: What kind of code it is made in.
        file: Path below the repository root.
        find: Text that stands there once.
        replace: The mistake.
        why: What it does.
        tests: Test files that should fail.
    """

    group: str
    file: str
    find: str
    replace: str
    why: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's text with the mistake in it.

        Raises:
            ValueError: unless the text to replace stands there exactly once.
        """
        if text.count(self.find) != 1:
            raise ValueError(
                f"{FILE.name}, {self.group}: {self.find!r} stands {text.count(self.find)} times in {self.file}, "
                "expected once. The code has changed: bring the fault up to date."
            )
        return text.replace(self.find, self.replace)


def load_faults() -> list[Fault]:
    """All faults, in the order of the file."""
    groups = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [
        Fault(group, content["file"], one["find"], one["replace"], one["why"], tuple(content["tests"]))
        for group, content in groups.items()
        for one in content["faults"]
    ]

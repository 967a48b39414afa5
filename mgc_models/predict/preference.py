"""The order of runs where none is named: by what the works propose (proposed.toml), never by scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mgc_models.config.run import FinetuneRun
from warehouse.parsing import read

FILE = Path(__file__).with_name("proposed.toml")
_PROFILES = ("paper", "sample")  # what is not named here comes last


@dataclass(frozen=True)
class Work:
    """A published work.

    Attributes:
        name: Its name in the plan.
        proposed: Id of the setting of the model that it proposes.
        one_modality: Ids of the settings of that model trained on audio or lyrics alone.
    """

    name: str
    proposed: str
    one_modality: tuple[str, ...]


@cache
def works() -> tuple[Work, ...]:
    """The works, the preferred first."""
    return read(FILE, dict[str, tuple[Work, ...]])["work"]


def preference(spec: FinetuneRun) -> tuple[int, int, int, str, int, int, str]:
    """Sorting key of runs, the preferred first: profile, proposed or not, work, setting, fold, seed, run id."""
    names = [work.name for work in works()]
    return (
        _place(_PROFILES, spec.profile), _rank(spec), _place(names, spec.work), spec.setting_id, spec.data.fold,
        spec.settings.seed, spec.run_id,
    )  # fmt: skip


def role(spec: FinetuneRun) -> str:
    """Say in words what the model of a run is to its work."""
    return (
        f"the model that {spec.work} proposes",
        f"the model that {spec.work} proposes, trained on one modality",
        f"another model of {spec.work}: no run of a proposed one fits",
    )[_rank(spec)]


def _rank(spec: FinetuneRun) -> int:
    own = [work for work in works() if work.name == spec.work]
    if any(spec.setting_id == work.proposed for work in own):
        return 0
    return 1 if any(spec.setting_id in work.one_modality for work in own) else 2


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)

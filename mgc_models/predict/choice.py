"""Chooses the run that is used for what is given. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mgc_models.errors import RunError
from mgc_models.predict.preference import role
from mgc_models.predict.runs import HOW_TO_FILL, FinishedRun, in_words

_Usable = Callable[[FinishedRun, frozenset[str]], bool]


@dataclass(frozen=True)
class Choice:
    """The run that is used, and by which rule it was chosen; empty where it was named."""

    run: FinishedRun
    reason: str = ""


def choose_run(runs: Sequence[FinishedRun], given: frozenset[str], *, explains: bool = False) -> Choice:
    """The first run, in order of preference, whose model was trained on exactly what is given.

    If there is none, the first that can do with it; and if there is none of those, the first that needs only a part
    of it.

    Args:
        runs: The preferred first.
        given: `audio`, `lyrics` or both.
        explains: Whether a run that uses all that is given and can explain its answer goes before all others.

    Raises:
        RunError: if no run can use what is given.
    """
    if explains:
        able = [run for run in runs if can_explain(run, given)]
        if found := _first(able, given, _USABLE[:2]):
            return Choice(found.run, f"{found.reason}, and one that can explain its answer")
    if found := _first(runs, given, _USABLE):
        return found
    raise RunError(
        f"no finished run can use {in_words(given)}; "
        + (f"there are {len(runs)} that need something else" if runs else "the store holds none")
        + f". {HOW_TO_FILL}"
    )


def can_explain(run: FinishedRun, given: frozenset[str]) -> bool:
    """Whether `explain.explain` has something to show: attention over lines and words, or each modality alone."""
    attends = "words" in run.spec.settings.model.inputs and "lyrics" in given
    used = next((take for take in run.takes if take <= given), frozenset())
    return attends or any(take < used for take in run.takes)


def check_usable(run: FinishedRun, given: frozenset[str], runs: Sequence[FinishedRun]) -> None:
    """Refuse a run that cannot use what is given.

    Raises:
        RunError: names what it needs, and runs that would do.
    """
    if any(take <= given for take in run.takes):
        return
    others = [other for other in runs if any(take <= given for take in other.takes)]
    models = ", ".join(dict.fromkeys(other.spec.settings.model.name for other in others))
    instead = f"Models that can: {models}; for example --run {others[0].run_id}" if others else "No run here can"
    raise RunError(
        f"run {run.run_id}: {run.spec.settings.model.name} needs {' or '.join(map(in_words, run.takes))}, and is given "
        f"{in_words(given)}. {instead}."
    )


def _first(runs: Sequence[FinishedRun], given: frozenset[str], kinds: Sequence[tuple[_Usable, str]]) -> Choice | None:
    for usable, how in kinds:
        if found := next((run for run in runs if usable(run, given)), None):
            return Choice(found, f"{role(found.spec)}; it {how.format(in_words(given))}")
    return None


def _trained_on(run: FinishedRun, given: frozenset[str]) -> bool:
    return run.parts == given


def _can_do_with(run: FinishedRun, given: frozenset[str]) -> bool:
    return given in run.takes


def _needs_a_part_of(run: FinishedRun, given: frozenset[str]) -> bool:
    return any(take < given for take in run.takes)


_USABLE: tuple[tuple[_Usable, str], ...] = (
    (_trained_on, "was trained on {}"),
    (_can_do_with, "can do with {}"),
    (_needs_a_part_of, "needs only a part of {}"),
)

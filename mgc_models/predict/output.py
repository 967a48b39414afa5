"""Predictions as people and programs read them: lines for a terminal, JSON values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mgc_models.predict.choice import Choice
from mgc_models.predict.classify import Prediction, probabilities
from mgc_models.predict.runs import in_words
from mgc_models.predict.trained import TrainedModel

MARK = "*"
_LINES_SHOWN, _WORDS_SHOWN = 8, 4
_BAR_COLUMNS = 20


@dataclass(frozen=True)
class Answer:
    """A prediction in names and shares.

    Attributes:
        name: Of the song.
        shares: Genre -> probability, the most probable first.
        predicted: Genres above the run's threshold; the most probable one for a model of one genre per track.
        notes: What is unusual about the song, or what of it was not there.
        content: Everything as JSON values.
        explanation: See `explain.explain`; empty if none was asked for.
    """

    name: str
    shares: Mapping[str, float]
    predicted: tuple[str, ...]
    notes: tuple[str, ...]
    content: Mapping[str, Any]
    explanation: Mapping[str, Any] = field(default_factory=dict)


def answer(prediction: Prediction, trained: TrainedModel, explanation: Mapping[str, Any]) -> Answer:
    """Put a prediction into names and shares."""
    metadata, song = trained.metadata, prediction.read.song
    shares = probabilities(prediction.logits, single_label=metadata.single_label)
    order = np.argsort(-prediction.logits, kind="stable")
    above = order[:1] if metadata.single_label else order[prediction.logits[order] > metadata.threshold_logit]
    predicted = tuple(metadata.genres[place] for place in above)
    missing = () if prediction.parts == trained.run.parts else (f"from {in_words(prediction.parts)}",)
    notes = missing + prediction.read.notes
    by_genre = {metadata.genres[place]: float(shares[place]) for place in order}
    content: dict[str, Any] = {
        "audio": str(song.audio) if song.audio else None,
        "lyrics": str(song.lyrics) if song.lyrics else None,
        "used": sorted(prediction.parts),
        "run": trained.run.run_id,
        "model": metadata.model.name,
        "demonstration": trained.run.demonstration,
        "threshold": None if metadata.single_label else 1 / (1 + math.exp(-metadata.threshold_logit)),
        "genres": [
            {"genre": genre, "probability": share, "predicted": genre in predicted} for genre, share in by_genre.items()
        ],
        "notes": list(notes),
    }
    if explanation:
        content["explanation"] = dict(explanation)
    return Answer(song.name, by_genre, predicted, notes, content, explanation)


def heading(trained: TrainedModel, choice: Choice, given: frozenset[str]) -> list[str]:
    """Say what is used of what is given and why, and how the answers are to be read."""
    run, metadata = trained.run, trained.metadata
    threshold = f"above the run's threshold of {1 / (1 + math.exp(-metadata.threshold_logit)):.1%}"
    lines = [
        f"run {run.run_id}: {run.description}",
        *([f"chosen: {choice.reason} (--run names another)"] if choice.reason else []),
        f"{MARK} {'the most probable genre' if metadata.single_label else threshold}",
    ]
    if unused := given - run.parts:
        lines.append(f"the model takes {in_words(run.parts)}; {' and '.join(unused)} given beside it: not used")
    if run.demonstration:
        lines.append("trained on the sample corpus, whose genres and songs are made up: a demonstration")
    return lines


def in_detail(answer: Answer, top: int) -> list[str]:
    """One song: a line per genre, all that are predicted and at least the `top` most probable."""
    shown = list(answer.shares.items())[: max(top, len(answer.predicted))]
    width = max(len(genre) for genre, _ in shown)
    lines = [answer.name]
    for genre, share in shown:
        mark = MARK if genre in answer.predicted else " "
        lines.append(f"  {mark} {genre:<{width}} {share:6.1%} {'#' * round(share * _BAR_COLUMNS)}".rstrip())
    return lines + [f"  note: {note}" for note in answer.notes] + _explained(answer.explanation)


def as_row(answer: Answer, name: str, top: int) -> str:
    """One song of several: its most probable genres in one line, behind its name."""
    shown = list(answer.shares.items())[:top]
    genres = "  ".join(f"{MARK if genre in answer.predicted else ''}{genre} {share:.0%}" for genre, share in shown)
    return f"{name}  {genres}{''.join(f'  ({note})' for note in answer.notes)}"


def _explained(explanation: Mapping[str, Any]) -> list[str]:
    if "attention" in explanation:
        return _attention(explanation["attention"])
    if "alone" in explanation:
        return [
            f"  from {parts}: " + ", ".join(f"{genre} {share:.1%}" for genre, share in shares.items())
            for parts, shares in explanation["alone"].items()
        ]
    return [f"  no explanation: {explanation['none']}"] if explanation else []


def _attention(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines that weigh most, in the order of the song, and the words that weigh most in each."""
    places = sorted(range(len(lines)), key=lambda place: -lines[place]["weight"])[:_LINES_SHOWN]
    shown = [f"  attention: the {len(places)} of {len(lines)} lines with most weight, and their words"]
    for place in sorted(places):
        line = lines[place]
        best = sorted(line["words"], key=lambda word: -word["weight"])[:_WORDS_SHOWN]
        shown.append(f"    {line['weight']:6.1%}  {line['line']}")
        shown.append(f"            {_words(best)}")
    return shown


def _words(words: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{word['word']}{'' if word['known'] else ' (unknown)'} {word['weight']:.0%}" for word in words)

"""Lists what each number depends on: every step with its data files, settings and libraries, as hashes and as a page.

`python -m pipelines.dependencies` prints docs/dependencies.md. A test changes every data file of the repository in turn
and holds the fingerprints that change against `DATA_FILES`, so that the page stays true.
"""

import fnmatch
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.config import PROFILES
from pipelines.corpora import build as build_corpora
from pipelines.corpora import matches
from pipelines.corpora.config import load_corpora
from pipelines.datasets import ingest
from pipelines.experiments import Plan, TrainingData, load_plan, runs_for
from pipelines.features import audio, duplicates, lyric_lines, principal_vectors, tokens, word_vectors
from pipelines.features import config as features_config
from pipelines.genres import build as build_genres
from pipelines.incremental import Step, content_hash
from pipelines.lyrics import fma, genius, language, music4all
from pipelines.matching import quality
from pipelines.planted import files as planted_files
from pipelines.planted.runs import load_planted, planted_runs
from pipelines.planted.worlds import load_worlds
from pipelines.report import build
from pipelines.report.figures import embeddings, inpainting
from pipelines.report.figures import files as figures_files
from pipelines.results import bootstrap
from pipelines.results.published import published
from pipelines.sample.planting import generator_version
from pipelines.training.planned_table import STEP
from warehouse.render import as_markdown

ROOT = Path(__file__).parent.parent
WORKS = ("jiang2024", "ru2023", "nandy2021", "wongchemelli2023")


@dataclass(frozen=True)
class Part:
    """One step of the way from raw files to numbers.

    Attributes:
        constant: Where its code's version stands.
        reads: What it is made from besides.
        step: Its data files, settings and libraries; None where a content hash or a stamp of its own does that work.
        also: Values from data files that its hash covers beside those of the step.
    """

    constant: str
    reads: str
    step: Step | None = None
    also: Callable[[], Any] = lambda: None


def _corpora() -> list[str]:
    return [repr(corpus) for corpus in load_corpora()]


def _spectrograms() -> list[list[str]]:
    return [
        [dataset, *(s.hash for s in features_config.spectrogram_specs(dataset))]
        for dataset in features_config.audio_datasets()
    ]


@cache
def _plans() -> dict[str, Plan]:
    return {profile: load_plan(profile) for profile in PROFILES}


def _run_ids(work: str) -> list[list[str]]:
    """Ids of all runs of a work in every profile, on data that never change."""
    data = TrainingData("corpus", "dataset", "scheme", "hash", "tracks.parquet", {})
    return [
        [setting.setting_id, *(run.run_id for run in runs_for(plan, setting.setting_id, data, {}, "sample"))]
        for plan in _plans().values()
        for setting in plan.settings.values()
        if setting.work == work
    ]


def _pretrainings(work: str) -> list[str]:
    return [
        repr((one.settings, one.folds))
        for plan in _plans().values()
        for one in plan.pretrainings.values()
        if one.work == work
    ]


def _runs(work: str) -> Part:
    reads = "training inputs (tracks, labels, folds, genres, SHA-256 of the feature shards), pretrained weights"
    return Part(
        "pipelines.experiments.runs.TRAINING_VERSION", reads, also=lambda: [_run_ids(work), _pretrainings(work)]
    )


def _planted() -> list[str]:
    worlds = load_worlds()
    return [run.run_id for run in planted_runs(load_planted(worlds), worlds).all_runs()]


READ = "files of the datasets"
PARTS: Mapping[str, Part] = {
    "sample corpus": Part("pipelines.sample.planting.GENERATOR_VERSION", "seed 0", also=generator_version),
    "reading datasets": Part("pipelines.datasets.ingest.VERSION", READ, ingest.STEP),
    "reading FMA": Part("pipelines.datasets.ingest.VERSION", READ, ingest.STEPS["fma"]),
    "lyrics of Music4All": Part("pipelines.lyrics.music4all.VERSION", f"{READ}, core.tracks", music4all.STEP),
    "lyrics of FMA": Part("pipelines.lyrics.fma.VERSION", f"{READ}, core.tracks", fma.STEP),
    "lyrics of Genius": Part("pipelines.lyrics.genius.VERSION", f"{READ}, matches", genius.STEP),
    "languages": Part("pipelines.lyrics.language.VERSION", "core.tracks, core.lyrics", language.STEP),
    "matches": Part("pipelines.corpora.matches.VERSION", "core.tracks", matches.STEP),
    "match quality": Part(
        "pipelines.matching.quality.VERSION",
        "nothing",
        quality.STEP,
        lambda: quality.planted_pairs().rows(),
    ),
    "corpora": Part("pipelines.corpora.build.VERSION", "core.*, matches", build_corpora.STEP, _corpora),
    "genres": Part(
        "pipelines.genres.build.VERSION",
        "corpora, MGC_BERT",
        build_genres.STEP,
        lambda: build_corpora.STEP.inputs(_corpora()),
    ),
    "spectrograms": Part("pipelines.features.audio.VERSION", "audio files", audio.STEP, _spectrograms),
    "duplicates of audio": Part("pipelines.features.duplicates.VERSION", "core.audio_files", duplicates.STEP),
    "lyric tokens": Part("pipelines.features.tokens.VERSION", "core.lyrics, corpora, MGC_BERT", tokens.STEP),
    "word vectors": Part(
        "pipelines.features.word_vectors.VERSION",
        "core.lyrics, corpora, MGC_WORD2VEC",
        word_vectors.STEP,
        lambda: repr(features_config.vocabularies()),
    ),
    "lyric lines": Part(
        "pipelines.features.lyric_lines.VERSION",
        "core.lyrics, word vectors",
        lyric_lines.STEP,
        lambda: repr(features_config.lyric_lines()),
    ),
    "vectors of principal words": Part(
        "pipelines.features.principal_vectors.VERSION",
        "core.lyrics, word vectors, MGC_ELMO_DIR or MGC_BERT",
        principal_vectors.STEP,
        lambda: repr(features_config.principal_vectors()),
    ),
    "planned runs": Part(
        "pipelines.training.planned_table.VERSION", "core.*, corpora, genres, features, settings, weights", STEP
    ),
    **{f"runs of {work}": _runs(work) for work in WORKS},
    "inpainting": Part(
        "pipelines.report.figures.inpainting.VERSION", "a pretraining and its weights, masking ratios", inpainting.STEP
    ),
    "genre embeddings": Part("pipelines.report.figures.embeddings.VERSION", "weights of a run", embeddings.STEP),
    "printed numbers": Part("", "nothing", also=lambda: published(_plans()["sample"]).write_ndjson()),
    "bootstrap": Part("pipelines.results.bootstrap.VERSION", "run.runs, predictions of the runs", bootstrap.STEP),
    "figures": Part("pipelines.report.figures.files.VERSION", "the numbers that they show", figures_files.STEP),
    "report page": Part(
        "", "report.*, corpus.steps, core.rejects, run.runs, figures", build.PAGE, lambda: repr(_plans()["sample"])
    ),
    "catalogue": Part("", "every table", build.CATALOGUE),
    "planted corpora": Part(
        "pipelines.planted.files.VERSION", "seeds", planted_files.STEP, lambda: repr(load_worlds())
    ),
    "planted runs": Part("pipelines.experiments.runs.TRAINING_VERSION", "planted corpora", also=_planted),
}


_PRINTED = ("printed numbers", "report page")
_LICENCES = "licences and citations, which are shown and decide nothing"
DATA_FILES: Mapping[str, tuple[str, ...] | str] = {
    "mgc_models/bench/*": "benchmarks, of which nothing enters a store",
    "mgc_models/features/specs.toml": (
        "lyric lines",
        "lyric tokens",
        "spectrograms",
        "vectors of principal words",
        "word vectors",
    ),
    "mgc_models/features/lyrics/stop_words.txt": ("vectors of principal words",),
    "mgc_models/pretrained/cavmae.toml": "names of published checkpoints, in the record of how a run started",
    "pipelines/training/printed_costs.toml": "what the sources say of their own costs, in the listing of the plan",
    "pipelines/weights.toml": "what is said of weights that are not configured",
    "mgc_models/predict/proposed.toml": "which run predict takes by itself; no number of a store",
    "pipelines/experiments/planted/*.toml": ("planted runs",),
    "pipelines/experiments/works.toml": "what the works are called in pages and job descriptions",
    "pipelines/corpora/*.toml": ("corpora", "genres"),
    "pipelines/datasets/fma_known_issues.toml": ("reading FMA",),
    "pipelines/slurm/*": "how tasks are submitted; no number of a store",
    "pipelines/sample/catalogues.toml": ("match quality", "sample corpus"),
    "pipelines/sample/*.toml": ("sample corpus",),
    "pipelines/datasets/*.toml": _LICENCES,
    "pipelines/experiments/jiang2024/base/mae.toml": ("runs of jiang2024", "runs of ru2023"),
    "pipelines/experiments/jiang2024/base/alnet.toml": ("runs of jiang2024", "runs of ru2023"),
    "pipelines/experiments/jiang2024/base/*": ("runs of jiang2024",),
    "pipelines/experiments/ru2023/base/*": ("runs of ru2023",),
    "pipelines/experiments/nandy2021/base/*": ("runs of nandy2021",),
    "pipelines/experiments/wongchemelli2023/base/*": ("runs of wongchemelli2023",),
    "pipelines/experiments/profiles/paper.toml": ("runs of jiang2024",),
    "pipelines/experiments/profiles/sample.toml": ("report page", "runs of jiang2024"),
    "pipelines/experiments/profiles/smoke.toml": ("runs of jiang2024",),
    "pipelines/experiments/ru2023/ablation.toml": ("report page", "runs of ru2023"),
    "pipelines/experiments/ru2023/on_*.toml": ("report page", "runs of ru2023"),
    "pipelines/experiments/ru2023/controls.toml": ("report page",),
    "pipelines/experiments/jiang2024/extra.toml": ("report page",),
    "pipelines/experiments/jiang2024/lyrics_inpainting.toml": ("report page",),
    "pipelines/experiments/nandy2021/shipped_split.toml": ("report page",),
    "pipelines/experiments/wongchemelli2023/multilabel.toml": ("report page",),
    "pipelines/experiments/*/*.toml": _PRINTED,
    "pipelines/features/features.toml": ("spectrograms",),
    "pipelines/planted/page.md": "text of docs/planted.md",
    "pipelines/planted/*.toml": ("planted corpora", "planted runs"),
    "pipelines/report/templates/*": ("report page",),
    "pipelines/genres/coarse_genres.toml": ("genres",),
    "pipelines/matching/gold/README.md": "says where the gold pairs are from",
    "pipelines/matching/gold/*.tsv": ("match quality",),
    "pipelines/matching/rules.toml": ("corpora", "genres", "match quality", "matches"),
    "warehouse/contracts/*.toml": ("catalogue",),
}
"""Pattern of data files -> the steps that one changed value of such a file makes again, or why it makes none.

The first pattern that fits counts. Of a file with settings and printed numbers the test changes what stands first.
"""


@dataclass(frozen=True)
class Number:
    """Columns of the report, and the steps that they come from; `device`: whether their last digits follow it."""

    columns: str
    steps: tuple[str, ...]
    device: bool = False


_DATA = ("sample corpus", "reading datasets", "reading FMA")
_LYRICS = ("lyrics of Music4All", "lyrics of FMA", "lyrics of Genius")
_CORPORA = (*_DATA, *_LYRICS, "languages", "matches", "spectrograms", "corpora")
_FEATURES = ("spectrograms", "lyric tokens", "word vectors", "lyric lines", "vectors of principal words")
_TRAINED = (*_CORPORA, "genres", *_FEATURES, *(f"runs of {work}" for work in WORKS))
NUMBERS = (
    Number("`report.published`, `report.results`: printed_*", ("printed numbers",)),
    Number("`report.results`: ours_*, n of trained rows; `run.*`", _TRAINED, device=True),
    Number("`report.results`: p_value, stars; `report.significance`", _TRAINED, device=True),
    Number("`report.results`: mse of Table 6.10; `report.inpainting`", (*_TRAINED, "inpainting"), device=True),
    Number("`report.modality_importance`, Figure 6.1", (*_TRAINED, "figures"), device=True),
    Number("`report.bootstrap`", (*_TRAINED, "bootstrap"), device=True),
    Number("`report.genre_embeddings`", (*_TRAINED, "genre embeddings"), device=True),
    Number("`report.match_quality`", ("match quality",)),
    Number("`corpus.steps`, `corpus.sizes`, `corpus.folds`, `corpus.leakage`", _CORPORA),
    Number("`corpus.matches`", (*_DATA, "matches")),
    Number("`corpus.language_agreement`", (*_DATA, "lyrics of Music4All", "languages")),
    Number("`genre.*`, Figure 5.1", (*_CORPORA, "genres")),
    Number("Figure 5.2", (*_DATA, "lyrics of Music4All", "figures")),
    Number("`core.audio_files`, `core.audio_duplicates`", (*_DATA, "spectrograms", "duplicates of audio")),
)
PAGE_TOP = """\
# What each number depends on

Made by `python -m pipelines.dependencies > docs/dependencies.md`. A test changes every data file and every default of a
setting in turn and holds what is then made again against this page (`tests/unit/test_dependencies.py`).

A step is made again when anything of its line changes: the constant of its code, a data file, a setting, a library or
what it reads. Runs are named by a hash of all this and are never made again for a version of a library, a device or an
arithmetic: `run.runs.versions_json` and `run.timings` record these, and `report.results.mixed` says where the runs
behind one row differ in them ([what is made again](decisions/data-formats.md#what-is-made-again)).
"""


def declared(name: str) -> tuple[str, ...] | str | None:
    """Look a file up in `DATA_FILES`; None where no pattern fits."""
    return next((what for pattern, what in DATA_FILES.items() if fnmatch.fnmatch(name, pattern)), None)


def page() -> str:
    """docs/dependencies.md."""
    numbers = [[n.columns, ", ".join(n.steps), "device, arithmetic, torch" if n.device else ""] for n in NUMBERS]
    steps = [
        [name, part.reads, _files_of(name), _settings_of(part), _libraries_of(part), _code(part)]
        for name, part in PARTS.items()
    ]
    reasons = [[f"`{pattern}`", what] for pattern, what in DATA_FILES.items() if isinstance(what, str)]
    parts = [
        PAGE_TOP,
        as_markdown(["numbers", "steps", "last digits vary with"], numbers) + "\n",
        "## Steps\n",
        as_markdown(["step", "reads", "data files", "settings", "libraries", "version of its code"], steps) + "\n",
        "## Data files that decide nothing\n",
        as_markdown(["file", "why"], reasons) + "\n",
    ]
    return "\n".join(parts)


def _files_of(name: str) -> str:
    return ", ".join(
        f"`{pattern}`" for pattern, what in DATA_FILES.items() if not isinstance(what, str) and name in what
    )


def _settings_of(part: Part) -> str:
    return ", ".join(part.step.settings) if part.step else ""


def _libraries_of(part: Part) -> str:
    return ", ".join(part.step.libraries) if part.step else ""


def _code(part: Part) -> str:
    return f"`{part.constant}`" if part.constant else "its content"


def fingerprints() -> dict[str, str]:
    """Hash of what each step depends on in this repository and its environment."""
    return {name: content_hash(part.step.inputs() if part.step else "", part.also()) for name, part in PARTS.items()}


if __name__ == "__main__":
    sys.stdout.write(page())

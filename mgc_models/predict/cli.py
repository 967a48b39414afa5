"""The command line: `python -m mgc_models.predict song.mp3 --lyrics song.txt`.

Files that are missing are named first; torch is loaded only when there is something to classify.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mgc_models.errors import DataError, DeviceError, ModelError, RunError, TrainingError
from mgc_models.predict.choice import Choice, check_usable, choose_run
from mgc_models.predict.listing import run_content, run_rows
from mgc_models.predict.problems import Failure, failure_content, missing_files
from mgc_models.predict.runs import HOW_TO_FILL, find_run, finished_runs
from mgc_models.predict.songs import Song, given_parts, pair_songs, short_names
from warehouse.store import Store
from warehouse.variables import mistyped

_DONE, _SOME_FAILED, _REFUSED = 0, 1, 2
_DESCRIPTION = "Genres of songs, by a model that was trained in this repository."
_HELP = """\
examples:
  python -m mgc_models.predict song.mp3 --lyrics song.txt           one song
  python -m mgc_models.predict --lyrics song.txt --explain          lyrics alone, and which lines and words counted
  python -m mgc_models.predict *.mp3 --lyrics-dir texts --json      many songs; texts holds a <name>.txt for <name>.mp3
  python -m mgc_models.predict --list                               the runs that can be used

which run: without --run, one whose model was trained on what is given (audio, lyrics or both); if there is none, one
that can do with it (jiang_mae hears or reads alone; models with word attention or word vectors do without lyrics).
Of several: profile paper before sample; the model that a work proposes before others; works in the order jiang2024,
ru2023, nandy2021, wongchemelli2023; then the first fold. Scores take no part. With --explain, a run that can explain
its answer goes first. The run and the rule are printed. A run on the sample corpus says so: its songs are made up, and
its answers a demonstration.

what is heard: the middle crop of a clip, as in evaluation; --crops all takes the mean over crops that follow each
other. A clip shorter than a crop is padded as in training. Models of nandy2021 look at the first 30 s.
Lyrics are UTF-8 text, a line of the song per line; repeated lines are left out, as in training.

exit status: 0 all songs are classified; 1 some are missing, have no file in the folder of lyrics, or could not be read,
each with its reason in one line; 2 nothing was done: no run, one that cannot take what is given, or a preprocessing
that does not fit.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `--help`.

    Returns:
        The exit status.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    parser = _parser()
    options = parser.parse_args(arguments)
    if message := mistyped(os.environ):
        print(f"error: {message}", file=sys.stderr)
        return _REFUSED
    store = Store(Path(options.store).expanduser().absolute())
    songs = [] if options.list else _songs(parser, options)
    try:
        if options.list:
            return _list(store, as_json=options.json)
        return _predict(songs, store, options)
    except (RunError, DeviceError, DataError, ModelError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _REFUSED


def _songs(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[Song]:
    try:
        return pair_songs(options.audio, options.lyrics, options.lyrics_dir)
    except ValueError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mgc_models.predict",
        description=_DESCRIPTION,
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("audio", nargs="*", type=Path, metavar="SONG", help="audio files: MP3, WAV, FLAC, Ogg")
    parser.add_argument(
        "--lyrics", nargs="+", type=Path, default=[], metavar="TEXT", help="lyrics, in the order of the audio files"
    )
    parser.add_argument("--lyrics-dir", type=Path, metavar="FOLDER", help="holds <name>.txt for each <name>.mp3")
    parser.add_argument(
        "--missing-lyrics",
        choices=("fail", "allow"),
        default="fail",
        help="a song without a file in FOLDER: fail (default), or allow an answer from its audio alone",
    )
    parser.add_argument("--run", metavar="RUN_ID", help="the run to use, or its folder (see --list)")
    parser.add_argument("--list", action="store_true", help="list the runs that can be used, the preferred first")
    parser.add_argument("--json", action="store_true", help="one JSON object per song and line, with all genres")
    parser.add_argument(
        "--explain", action="store_true", help="show the lines and words that counted, or each modality alone"
    )
    parser.add_argument("--top", type=_count, default=5, metavar="N", help="genres shown per song (default 5)")
    parser.add_argument(
        "--crops", choices=("centre", "all"), help="what is heard of a clip (default: as the run was evaluated, centre)"
    )
    parser.add_argument(
        "--store",
        default=os.environ.get("MGC_STORE", "warehouse/store"),
        metavar="FOLDER",
        help="where the runs are (default: $MGC_STORE, or warehouse/store)",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:<n>")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return int(text)


def _list(store: Store, *, as_json: bool) -> int:
    runs, refused = finished_runs(store)
    for reason in refused:
        print(f"left out: {reason}", file=sys.stderr)
    if not runs:
        raise RunError(f"no finished run in {store.root}. {HOW_TO_FILL}")
    for line in (json.dumps(run_content(run)) for run in runs) if as_json else run_rows(runs):
        print(line)
    if any(run.demonstration for run in runs):
        print("These runs were trained on the sample corpus, which is made up: a demonstration.", file=sys.stderr)
    return _DONE


def _predict(songs: Sequence[Song], store: Store, options: argparse.Namespace) -> int:
    """Classify the songs, except those of which a file is missing; the answers come in their order."""
    missing = missing_files(songs, options.lyrics_dir if options.missing_lyrics == "fail" else None)
    for failure in missing.values():
        print(f"failed: {failure.reason}", file=sys.stderr)
    there = [song for song in songs if song not in missing]
    choice = _choice(there, store, options) if there else None
    answers = _answers(there, choice, options) if choice else iter(())
    failed = 0
    for song in songs:
        outcome = missing.get(song) or next(answers)
        if isinstance(outcome, str):
            print(outcome)
            continue
        failed += 1
        if options.json:
            print(json.dumps(failure_content(outcome, choice.run if choice else None), ensure_ascii=False))
        if song not in missing:
            print(f"failed: {outcome.reason}", file=sys.stderr)
    return _SOME_FAILED if failed else _DONE


def _answers(songs: Sequence[Song], choice: Choice, options: argparse.Namespace) -> Iterator[Failure | str]:
    """Give what is printed of each song; first of all, what is used of what is given."""
    from mgc_models.execution.runtime import choose_device  # noqa: PLC0415
    from mgc_models.predict.classify import classify  # noqa: PLC0415
    from mgc_models.predict.explain import explain  # noqa: PLC0415
    from mgc_models.predict.output import answer, as_row, heading, in_detail  # noqa: PLC0415 - torch
    from mgc_models.predict.trained import load_trained  # noqa: PLC0415

    trained = load_trained(choice.run, choose_device(options.device))
    crops = options.crops or trained.metadata.crops
    for line in heading(trained, choice, given_parts(songs)):
        print(line, file=sys.stderr if options.json else sys.stdout)
    names = short_names(songs)
    width = max(map(len, names.values()))
    for found in classify(songs, trained, crops):
        if isinstance(found, Failure):
            yield found
            continue
        answered = answer(found, trained, explain(found, trained, crops) if options.explain else {})
        if options.json:
            yield json.dumps(answered.content, ensure_ascii=False)
        elif len(songs) == 1 or options.explain:
            yield "\n".join(in_detail(answered, options.top))
        else:
            yield as_row(answered, f"{names[found.read.song]:<{width}}", options.top)


def _choice(songs: Sequence[Song], store: Store, options: argparse.Namespace) -> Choice:
    """The run that is asked for or chosen; refuses one that cannot take any of the songs."""
    given = given_parts(songs)
    runs, refused = finished_runs(store)
    if options.run is None:
        for reason in refused:
            print(f"left out: {reason}", file=sys.stderr)
        return choose_run(runs, given, explains=options.explain)
    run = find_run(options.run, store)
    check_usable(run, given, runs)
    return Choice(run)

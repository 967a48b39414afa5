"""Makes the sample corpus below one folder: a finished one is left alone, an unfinished one is never seen."""

import json
import logging
import shutil
from pathlib import Path

from pipelines.parallel import available_cores
from pipelines.sample.catalogues import plan_catalogues
from pipelines.sample.corruptions import REFERENCE_TRACKS, corrupt_songs, malformed_rows
from pipelines.sample.fma import write_fma, write_fma_lyrics
from pipelines.sample.fma_tracks import plan_fma
from pipelines.sample.genius import damaged_rows, write_genius
from pipelines.sample.msd import write_msd
from pipelines.sample.music4all import write_music4all
from pipelines.sample.planting import generator_version
from pipelines.sample.songs import plan_songs
from pipelines.sample.truth import FOLDER as TRUTH_FOLDER
from pipelines.sample.truth import Truth, read_truth, truth_of, write_truth
from warehouse.locks import locked
from warehouse.store import replacing

DEFAULT_TRACKS = REFERENCE_TRACKS
STAMP = "sample.json"
PARTS = ("music4all", "msd", "genius", "fma", "fma_lyrics", TRUTH_FOLDER)
_logger = logging.getLogger(__name__)


def is_current(root: Path, seed: int = 0, tracks: int = DEFAULT_TRACKS) -> bool:
    """Whether `root` holds a finished corpus of this generator version, seed and size."""
    stamp = root / STAMP
    if not stamp.is_file() or not all((root / part).is_dir() for part in PARTS):
        return False
    return stamp.read_text(encoding="utf-8") == _stamp(seed, tracks)


def generate(root: Path, seed: int = 0, tracks: int = DEFAULT_TRACKS, threads: int | None = None) -> Truth:
    """Write the sample corpus: the datasets as they are on disk, and `<root>/truth` with what was planted in them.

    `<root>/music4all`; `<root>/msd` with its audio; `<root>/genius/song_lyrics.csv`; `<root>/fma`;
    `<root>/fma_lyrics`, a user's lyrics for some of FMA's tracks.

    The same version, seed and size give the same bytes, whatever the number of threads. A corpus that is current
    already is not touched; two calls at once make it once; a call that was killed leaves nothing that looks finished.

    Args:
        root: Folder for the corpus; made if missing.
        seed: Decides everything random.
        tracks: Songs of Music4All, dirty ones included; the other datasets have a share of that, up to a limit.
        threads: Songs made at once; None: one per core.

    Returns:
        What was planted.

    Raises:
        ValueError: for so few tracks that not all corruptions fit.
    """
    songs = corrupt_songs(plan_songs(seed, tracks), seed)
    rows, damage = malformed_rows(songs, seed), damaged_rows()
    catalogues, fma = plan_catalogues(songs, seed), plan_fma(songs, seed)
    threads = threads or available_cores()
    with locked(root / ".lock", _logger.info):
        if is_current(root, seed, tracks):
            return read_truth(root)
        (root / STAMP).unlink(missing_ok=True)
        for part in PARTS:
            shutil.rmtree(root / part, ignore_errors=True)
            shutil.rmtree(_unfinished(root, part), ignore_errors=True)
        write_truth(_unfinished(root, TRUTH_FOLDER), truth_of(songs, rows, catalogues, damage, fma))
        write_music4all(_unfinished(root, "music4all"), songs, rows, threads)
        write_msd(_unfinished(root, "msd"), catalogues.msd, threads)
        write_genius(_unfinished(root, "genius"), catalogues.genius, damage)
        write_fma(_unfinished(root, "fma"), fma, threads)
        write_fma_lyrics(_unfinished(root, "fma_lyrics"), fma)
        for part in PARTS:
            _unfinished(root, part).rename(root / part)
        with replacing(root / STAMP) as temporary:
            temporary.write_text(_stamp(seed, tracks), encoding="utf-8")
    return read_truth(root)


def _stamp(seed: int, tracks: int) -> str:
    return json.dumps({"generator": generator_version(), "seed": seed, "tracks": tracks}) + "\n"


def _unfinished(root: Path, part: str) -> Path:
    return root / f".{part}.unfinished"

"""A handful of tracks in Music4All's layout, written by hand so that every expected number is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
ENGLISH = "The river keeps running under the bridge and I keep waiting for you there\nEvery night the same\n"
SPANISH = "La noche se va con el viento y yo sigo esperando que vuelvas a mi casa\nCorazón de papel\n"
# id -> (genres, label, lyrics, seconds of audio)
TRACKS: Mapping[str, tuple[str, str, str, float]] = {
    "aaa1": ("rock,pop", "en", ENGLISH, 1.5),
    "aaa2": ("rock", "en", ENGLISH, 1.2),
    "aaa3": ("jazz,rock", "en", ENGLISH, 1.1),
    "bbb1": ("pop", "en", ENGLISH, 1.3),
    "bbb2": ("pop", "es", SPANISH, 1.0),
    "bbb3": ("jazz", "INTRUMENTAL", "", 1.0),
    "ccc1": ("'; DROP TABLE", "en", ENGLISH, 1.4),
    "ccc2": ("", "en", ENGLISH, 1.0),
}


def write_table(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def write_audio(path: Path, duration_s: float, *, seed: int = 0, amplitude: float = 0.2) -> None:
    noise = np.random.default_rng(seed).normal(size=int(duration_s * RATE_HZ)) * amplitude
    soundfile.write(path, noise.clip(-1, 1), RATE_HZ, subtype="PCM_16")


def write_music4all(root: Path, tracks: Mapping[str, tuple[str, str, str, float]] = TRACKS) -> Path:
    for folder in ("audios", "lyrics"):
        (root / folder).mkdir(parents=True)
    write_table(
        root / "id_information.csv",
        "id\tartist\tsong\talbum_name",
        [f'{track_id}\tArtist\t"None" of \\ NA\t' for track_id in tracks],
    )
    write_table(root / "id_genres.csv", "id\tgenres", [f"{key}\t{value[0]}" for key, value in tracks.items()])
    write_table(root / "id_tags.csv", "id\ttags", [f"{key}\tone,&lt;3" for key in tracks])
    write_table(root / "id_lang.csv", "id\tlang", [f"{key}\t{value[1]}" for key, value in tracks.items()])
    write_table(
        root / "id_metadata.csv",
        "id\tspotify_id\tpopularity\trelease\tdanceability\tenergy\tkey\tmode\tvalence\ttempo\tduration_ms",
        [f"{key}\tspot\t40.0\t1999\t0.5\t0.6\t1\t0\t0.7\t120.5\t200500" for key in tracks],
    )
    for number, (track_id, (_, _, lyrics, duration_s)) in enumerate(tracks.items()):
        (root / "lyrics" / f"{track_id}.txt").write_text(lyrics, encoding="utf-8")
        write_audio(root / "audios" / f"{track_id}.wav", duration_s, seed=number)
    return root

"""The environment variables of this project, and the check that none is mistyped. Standard library only."""

import difflib
from collections.abc import Iterable

PREFIX = "MGC_"
VARIABLES = {
    "MGC_MUSIC4ALL_DIR": "Music4All: the folder that holds id_information.csv, id_genres.csv, audios/ and lyrics/.",
    "MGC_MSD_DIR": "Million Song Dataset: the folder with track_metadata.db, unique_tracks.txt or the summary HDF5, "
    "plus audio in any known layout.",
    "MGC_GENIUS_CSV": "Genius lyrics as on Kaggle: the file song_lyrics.csv.",
    "MGC_FMA_DIR": "Free Music Archive: the folder that holds fma_metadata/ and fma_medium/.",
    "MGC_FMA_LYRICS_DIR": "Lyrics of FMA tracks: a folder of <track_id>.txt.",
    "MGC_BERT": "BERT-base-uncased: a local folder or a hub name. Unset: random weights, and every result row says so.",
    "MGC_CAVMAE": "CAV-MAE weights as released (Scale++ by default), a local file. Unset: random weights.",
    "MGC_CAVMAE_NONORM": "CAV-MAE weights without standardised patches (Base-NoNorm), a local file, for inpainting. "
    "Unset: those of MGC_CAVMAE.",
    "MGC_INCEPTION_V4": "Inception-v4 ImageNet weights in timm's format, a local file. Unset: random weights.",
    "MGC_WORD2VEC": "word2vec vectors, a binary file as downloaded. Unset: vectors counted from the lyrics.",
    "MGC_ELMO_DIR": "ELMo: a folder with options and weights of one release. Unset: other word vectors stand in.",
    "MGC_EXECUTOR": "What runs the steps of a job: in_process (one after the other; the default), multiprocess, dask, "
    "celery or k8s. The launchpad offers them too.",
    "MGC_GPUS": "Accelerators of each host that share one training run, through torchrun. Default 1.",
    "MGC_NODES": "Hosts that share one training run: those of a job of Slurm, or started by hand (docs/clusters.md). "
    "Default 1.",
    "MGC_PROFILE": "sample (tiny models, minutes on a laptop; the default), paper (the works' own settings) or smoke "
    "(one epoch, to try the machinery).",
    "MGC_RENDEZVOUS": "Where the hosts of a run meet, as host:port. Default: this host, port 29400.",
    "MGC_STORE": "Folder that everything produced goes to, with the history of the runs. Default warehouse/store.",
}


def mistyped(names: Iterable[str]) -> str | None:
    """Say which of `names` look like a variable of this project and are none.

    Args:
        names: Names of environment variables; those that do not start with `MGC_` are passed over.

    Returns:
        One sentence with the nearest right name, or None where all names are known.
    """
    unknown = sorted(name for name in names if name.upper().startswith(PREFIX) and name not in VARIABLES)
    if not unknown:
        return None
    name = unknown[0]
    near = difflib.get_close_matches(name.upper(), VARIABLES, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(VARIABLES)}."
    return f"{name} is set, which no part of this project reads; {meant} Rename it, or unset it."

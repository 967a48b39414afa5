"""The files that a trained model needs beside its weights: they stay with it, whatever becomes of the features."""

import os
import shutil
from pathlib import Path

from mgc_models.banks import TOKENIZER_FILE
from mgc_models.features import vocabulary
from mgc_models.spec import RunSpec
from warehouse.store import Store, replacing

FILES = (TOKENIZER_FILE, vocabulary.FILE)


def keep_files(run: RunSpec, store: Store) -> None:
    """Put the tokenizer and the vocabulary of the lyrics features of a run into its folder.

    They are hard links where the file system has them, so they take no room; a feature that is made anew gets new files
    and leaves these. What they should be is in the metadata of the weights, by SHA-256.

    Args:
        run: The run.
        store: Has its features and its folder.
    """
    settings = run.settings
    sections = {"tokens": settings.text, "words": settings.words, "word_vectors": settings.vectors}
    read = [section for name, section in sections.items() if section and name in settings.model.inputs]
    for section in read:
        for source in (store.feature(section.feature, run.data.dataset) / name for name in FILES):
            if source.is_file():
                with replacing(store.run(run.run_id) / source.name) as temporary:
                    _link_or_copy(source, temporary)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)

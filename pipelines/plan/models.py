"""The one list of models that can be trained today; a row with any other model reads `not implemented`."""

IMPLEMENTED: dict[str, tuple[str, ...]] = {
    "inception_v4": ("inception_v4",),
    "bert": ("bert",),
    "alnet": ("inception_v4", "bert"),
    "ru_mgc": ("bert",),
    "santana": (),
    "pandeya": (),
    "han_cnn": (),  # word2vec, ELMo and BERT reach these two through their features
    "wong_chemelli": (),
    "jiang_mae": ("cavmae", "bert"),
}
"""Model name -> the pretrained weights it can start from, keys of `pipelines.settings.WEIGHT_VARIABLES`."""

GENRE_GRAPHS: frozenset[str] = frozenset({"ru_mgc"})
"""Models that take the correlation of the genres, of the training part of their split."""

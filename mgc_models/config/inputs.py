"""The kinds of input that a model can take, and where each is described, stored and kept. Imports no torch.

A new kind is one entry of `INPUTS`, one section of `Settings`, one field of `TrackData` of the same name, and one
function in `mgc_models.data.inputs` that opens it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mgc_models.config.sections import AudioSettings, TextSettings, VectorsSettings, WordsSettings

InputSettings = AudioSettings | TextSettings | WordsSettings | VectorsSettings


@dataclass(frozen=True)
class InputFile:
    """A file beside a stored feature, without which its values mean nothing; a run keeps a copy.

    Attributes:
        name: Of the file, in the folder of the feature and in that of the run.
        checksum: Key of its SHA-256 in the settings of the feature.
    """

    name: str
    checksum: str


@dataclass(frozen=True)
class InputKind:
    """One kind of input.

    Attributes:
        name: As the settings of a model list it in `inputs`.
        section: Section of the run's settings that describes it.
        settings: Dataclass of that section.
        dtype: Of the stored feature.
        modality: What of a track it is made of.
        optional: Whether a track may lack it: models have a learned vector, or zeros, in its place.
        prepared_by: Attribute of `predict.trained.TrainedModel` that the input of a new song is made with.
        file: What a run keeps to make this input anew; None: nothing.
    """

    name: str
    section: str
    settings: type[InputSettings]
    dtype: str
    modality: Literal["audio", "lyrics"]
    optional: bool
    prepared_by: str
    file: InputFile | None = None


_TOKENIZER = InputFile("tokenizer.json", "tokenizer_sha256")
_VOCABULARY = InputFile("vocabulary.parquet", "vocabulary_sha256")
_KINDS = (
    InputKind("audio", "audio", AudioSettings, "float16", "audio", False, "normalizer"),
    InputKind("tokens", "text", TextSettings, "int32", "lyrics", False, "tokenizer", _TOKENIZER),
    InputKind("words", "words", WordsSettings, "int32", "lyrics", True, "vocabulary", _VOCABULARY),
    InputKind("word_vectors", "vectors", VectorsSettings, "float16", "lyrics", True, "embedder", _VOCABULARY),
)
INPUTS: Mapping[str, InputKind] = {kind.name: kind for kind in _KINDS}

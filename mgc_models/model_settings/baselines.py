"""Settings of the thesis' baselines (section 5.3)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from mgc_models.spec_parser import Above, Minimum


@dataclass(frozen=True)
class InceptionV4Settings:
    """Inception-v4 on the spectrogram; `width` multiplies every channel count, `blocks` counts A, B and C blocks."""

    inputs: ClassVar[tuple[str, ...]] = ("audio",)
    batch_norm: ClassVar[bool] = True
    name: Literal["inception_v4"]
    width: Annotated[float, Above(0)]
    blocks: Annotated[tuple[int, int, int], Minimum(0)]


@dataclass(frozen=True)
class BertSettings:
    """BERT on the lyrics."""

    inputs: ClassVar[tuple[str, ...]] = ("tokens",)
    batch_norm: ClassVar[bool] = False
    name: Literal["bert"]
    layers: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class AlnetSettings:
    """ALNet: Inception-v4 and BERT fused by one transformer encoder layer (thesis section 5.3)."""

    inputs: ClassVar[tuple[str, ...]] = ("audio", "tokens")
    batch_norm: ClassVar[bool] = True
    name: Literal["alnet"]
    width: Annotated[float, Above(0)]
    blocks: Annotated[tuple[int, int, int], Minimum(0)]
    layers: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]
    fusion_width: Annotated[int, Minimum(1)]
    fusion_heads: Annotated[int, Minimum(1)]
    fusion_intermediate: Annotated[int, Minimum(1)]
    dropout: Annotated[float, Minimum(0)]

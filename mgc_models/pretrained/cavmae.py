"""CAV-MAE checkpoints (Gong et al. 2023) into the thesis' model, which starts from them (section 5.2.1).

The published model has seen sound and video: its audio encoder, joint layer and decoder are taken over, and what it has
for video stands in for the lyrics where that makes sense. Positions are never loaded, as they depend on the length.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from mgc_models.artifacts.weights import described, load_checked, read_state
from mgc_models.errors import WeightsError
from mgc_models.models.jiang_mae.model import JiangMae

_PUBLISHED = Path(__file__).with_name("cavmae.toml")
_KINDS = ("weight", "bias")
_MATRICES = {"attention.qkv": "attn.qkv", "attention.out": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
# Everything that a published file may hold; a name beyond these is an error. Fine-tuned files have mlp_head.
_KNOWN = re.compile(
    r"(cls_token\w*|mask_token|(decoder_)?modality_[av]|(decoder_)?pos_embed_[av]"
    r"|(patch_embed_[av]\.proj|norm(_[av])?|decoder_(embed|norm|pred_[av])|mlp_head\.[01])\.(weight|bias)"
    r"|(blocks_[avu]|decoder_blocks)\.\d+\.(norm[12](_[av])?|attn\.(qkv|proj)|mlp\.fc[12])\.(weight|bias))$"
)
# What the model has and no published file.
_OURS = ("lyrics.", "classifier.", "decoder.modality.lyrics", "decoder.heads.lyrics.")


def load_cavmae(model: JiangMae, source: str) -> str:
    """Load a published checkpoint, pretrained or fine-tuned (which has no decoder), with or without `module.` names.

    Joint layers beyond those of the file stay random. Returns the file's name and checksum, after the name of the
    checkpoint where the file has that of a published one.

    Args:
        model: Its settings say which audio layers are taken (`cavmae_layers`) and what the lyrics get (`lyrics_start`).
        source: The file.

    Raises:
        WeightsError: if the file cannot be read, has too few layers, or differs in a key or shape.
    """
    file = Path(source).expanduser()
    state = read_state(file)
    try:
        names = _names(model, state)
        own = _renamed(state, names)
        rest = {key: value for key, value in state.items() if key not in names.values()}
        random = {key for key in model.state_dict() if key not in own and _may_stay_random(key, state)}
        load_checked(model, own | rest, random, {key for key in rest if _KNOWN.match(key)})
    except WeightsError as error:
        raise WeightsError(
            f"MGC_CAVMAE = {source!r} does not fit the model. Published weights need the widths 768 and 512 "
            f"(MGC_PROFILE=paper has them); unset the variable for other sizes. {error}"
        ) from error
    published = tomllib.loads(_PUBLISHED.read_text(encoding="utf-8")).get(file.name)
    return described(f"{published}:{file.name}" if published else file.name, file)


def _names(model: JiangMae, state: Mapping[str, Tensor]) -> dict[str, str]:
    """Name in the model -> name in the file, for everything that is taken over."""
    video = model.settings.lyrics_start == "video"
    suffix = {"joint": "", "audio": "_a", "lyrics": "_v" if video else ""}
    norms = {stream: suffix[stream] for stream in model.joint.norm}
    names = {f"joint.norm.{stream}.{kind}": f"norm{end}.{kind}" for stream, end in norms.items() for kind in _KINDS}
    for number in range(min(len(model.joint.blocks), _layers(state, "blocks_u"))):
        names |= _block(f"joint.blocks.{number}", f"blocks_u.{number}", norms)
    if model.audio is not None:
        names |= {f"audio.embed.{kind}": f"patch_embed_a.proj.{kind}" for kind in _KINDS}
        names["audio.modality"] = "modality_a"
        chosen = _chosen(len(model.audio.blocks), _layers(state, "blocks_a"), model.settings.cavmae_layers)
        for number, theirs in enumerate(chosen):
            names |= _block(f"audio.blocks.{number}", f"blocks_a.{theirs}", {"audio": ""})
    if model.lyrics is not None and video:
        names["lyrics.modality"] = "modality_v"
    return names | (_decoder(model, state) if model.decoder is not None and not _fine_tuned(state) else {})


def _renamed(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    if missing := sorted(set(names.values()) - state.keys()):
        raise WeightsError(f"missing in the file: {', '.join(missing)}")
    own = {name: state[theirs] for name, theirs in names.items()}
    if "audio.embed.weight" in own:  # a convolution whose kernels never overlap
        own["audio.embed.weight"] = own["audio.embed.weight"].flatten(1)
    return own


def _decoder(model: JiangMae, state: Mapping[str, Tensor]) -> dict[str, str]:
    names = {"decoder.mask_token": "mask_token"}
    for kind in _KINDS:
        names |= {f"decoder.{part}.{kind}": f"decoder_{part}.{kind}" for part in ("embed", "norm")}
    if model.audio is not None:
        names["decoder.modality.audio"] = "decoder_modality_a"
        names |= {f"decoder.heads.audio.{kind}": f"decoder_pred_a.{kind}" for kind in _KINDS}
    for number in _chosen(model.settings.decoder_layers, _layers(state, "decoder_blocks"), "first"):
        names |= _block(f"decoder.blocks.{number}", f"decoder_blocks.{number}", {"joint": ""})
    return names


def _block(ours: str, theirs: str, norms: Mapping[str, str]) -> dict[str, str]:
    names = {f"{own}": f"{name}" for own, name in _MATRICES.items()}
    names |= {f"norm{place}.{stream}": f"norm{place}{end}" for place in (1, 2) for stream, end in norms.items()}
    return {f"{ours}.{own}.{kind}": f"{theirs}.{name}.{kind}" for own, name in names.items() for kind in _KINDS}


def _chosen(wanted: int, there: int, which: str) -> Sequence[int]:
    if wanted > there:
        raise WeightsError(f"the model has {wanted} layers where the file has {there}")
    if which == "spread" and wanted > 1:
        return [round(number * (there - 1) / (wanted - 1)) for number in range(wanted)]
    return range(there - wanted, there) if which == "last" else range(wanted)


def _layers(state: Mapping[str, Tensor], blocks: str) -> int:
    return len({key.split(".")[1] for key in state if key.startswith(f"{blocks}.")})


def _fine_tuned(state: Mapping[str, Tensor]) -> bool:
    return any(key.startswith("mlp_head.") for key in state)


def _may_stay_random(key: str, state: Mapping[str, Tensor]) -> bool:
    if key.startswith("joint.blocks."):
        return int(key.split(".")[2]) >= _layers(state, "blocks_u")
    return key.startswith(_OURS) or (key.startswith("decoder.") and _fine_tuned(state))

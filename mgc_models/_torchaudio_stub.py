"""Lets the Python half of torchaudio be imported beside a CPU build of torch.

The only Linux wheel of torchaudio 2.11 carries CUDA libraries, and its extension module fails to load when torch has
none. `transformers` imports torchaudio wherever it is installed, so without this even `BertModel` fails on a
CPU-only machine. What this project uses (`compliance.kaldi.fbank`, resampling) is plain Python on top of torch, so an
empty extension module is enough. On a CUDA build of torch nothing is touched.
"""

import importlib.util
import sys
import types
from pathlib import Path


def install() -> bool:
    """Put the empty extension in place if this machine needs it.

    Must run before torchaudio or transformers is imported; does not import torch itself.

    Returns:
        Whether the empty extension was installed by this call.
    """
    torch_spec = importlib.util.find_spec("torch")
    if torch_spec is None or torch_spec.origin is None or sys.platform != "linux" or "torchaudio" in sys.modules:
        return False
    if (Path(torch_spec.origin).parent / "lib" / "libc10_cuda.so").exists():
        return False
    extension = types.ModuleType("torchaudio._extension")
    vars(extension).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda function: function,
    )
    sys.modules["torchaudio._extension"] = extension
    return True

"""transformers without torchaudio, which it imports where it finds it and which we never need.

The torchaudio wheel at hand is built for CUDA and can't be loaded beside a CPU torch: without
this, no audio model of transformers could be imported at all.
"""

from __future__ import annotations

from types import ModuleType


def import_transformers() -> ModuleType:
    """Return the module, with torchaudio hidden from it.

    Has to run before anything of transformers that handles sound is imported; afterwards it
    changes nothing.
    """
    import transformers
    from transformers import utils
    from transformers.utils import import_utils

    for module in (utils, import_utils):
        vars(module)["is_torchaudio_available"] = _absent
    loaded: ModuleType = transformers
    return loaded


def _absent() -> bool:
    return False

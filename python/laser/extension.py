"""The extension module of the package, loaded only into the torch that it was built with.

Another torch would end in undefined symbols, or in tensors read wrongly; there one sentence says so, and rounds are computed by
torch's own operations.
"""

from __future__ import annotations

import re
import warnings
from types import ModuleType

try:
    import torch
except ImportError as problem:
    raise ImportError("laser needs torch. HINT: pip install torch, then install laser-ota again") from problem


def check_torch(running: str, built: str) -> None:
    """Raises ImportError where the running torch has another interface than that of the build: another minor version. Its local suffix
    (+cpu, +cu130) and patch releases make no difference; builds between versions (2.14.0a0+git) fit nothing but themselves."""
    if running != built and (_interface(running) != _interface(built) or _interface(built) is None):
        wanted = f"{_interface(built)}.*" if _interface(built) else built
        raise ImportError(f"laser was built with torch {built}, but torch {running} is running. HINT: "
                          f"'pip install --no-build-isolation --force-reinstall .' in the source tree of laser builds it "
                          f"anew, or 'pip install torch=={wanted}'")


def _interface(version: str) -> str | None:
    """The minor version, 2.13, of a release; None for what is none."""
    found = re.fullmatch(r"(\d+\.\d+)\.\d+(?:\.post\d+)?", version.partition("+")[0])
    return found[1] if found else None


def _load() -> ModuleType | None:
    try:
        try:
            from laser import _build
        except ImportError as problem:
            raise ImportError("laser is not built here. HINT: 'pip install .' in the source tree of laser") from problem
        check_torch(str(torch.__version__), _build.TORCH)
        from laser import _core

        return _core
    except ImportError as problem:
        warnings.warn(f"laser: {problem}. Until then rounds are computed by torch's own operations (docs/devices.md); the simulator, "
                      "the formulas and parts of one's own are not there", stacklevel=3)
        return None


MODULE = _load()

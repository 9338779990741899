"""The core of the package: the extension module, loaded only into the torch that it was built with, or laser.portable.

Another torch would end in undefined symbols, or in tensors read wrongly; there one sentence says so, and rounds are computed by
torch's own operations.
"""

import re
import warnings
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

try:
    import torch
except ImportError as problem:
    raise ImportError("laser needs torch. HINT: pip install torch, then install laser-ota again") from problem

if TYPE_CHECKING:
    from laser import _core

    core = _core


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


def _load() -> tuple[Any, bool]:
    """The core, and whether it is the compiled one."""
    try:
        try:
            from laser import _build
        except ImportError as problem:
            raise ImportError("laser is not built here. HINT: 'pip install .' in the source tree of laser") from problem
        check_torch(str(torch.__version__), _build.TORCH)
        from laser import _core

        return _core, True
    except ImportError as problem:
        warnings.warn(f"laser: {problem}. Until then rounds are computed by torch's own operations (docs/devices.md); the simulator, "
                      "the formulas and parts of one's own are not there", stacklevel=3)
        from laser import portable

        return portable, False


core, COMPILED = _load()

Error = core.Error


EXIT_USAGE = 2  # exit codes of the command
EXIT_CONFIGURATION = 3
EXIT_DATA = 4
EXIT_NON_FINITE = 5


def error(exit_code: int, text: str) -> Exception:
    """An Error with an exit code of the command."""
    made = Error(text)
    made.exit_code = exit_code
    return made


class NotCopied:
    """What holds parts of the C++ core or connections, and so is neither pickled nor copied."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise error(EXIT_USAGE, f"a {type(self).__name__} is not pickled or copied. HINT: keep its state_dict(), and load it "
                    f"into a new {type(self).__name__} with load_state_dict()")


def pairs(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the command 'laser' as (name, text)."""
    return [(name, text_of(value)) for name, value in settings.items()]


def text_of(value: Any) -> str:
    if is_flag(value):
        return "true" if value else "false"
    if hasattr(value, "tolist") and (isinstance(value, torch.Tensor) or value.ndim > 0):  # an array of numpy
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return str(value)


def is_flag(value: object) -> bool:
    """Whether it is True or False, of Python or of numpy."""
    return isinstance(value, bool) or (type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"))

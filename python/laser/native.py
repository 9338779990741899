"""The core of the package: the extension module, where it fits the running torch, or else laser.portable."""

from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

from laser.extension import MODULE, check_torch  # first: it says what to do where torch is missing

import torch

from laser.errors import EXIT_CONFIGURATION, EXIT_DATA, EXIT_NON_FINITE, EXIT_USAGE, Error, error, next_step

if TYPE_CHECKING:
    from laser import _core as core
elif MODULE is not None:
    core = MODULE
else:
    from laser import portable as core

__all__ = ["COMPILED", "EXIT_CONFIGURATION", "EXIT_DATA", "EXIT_NON_FINITE", "EXIT_USAGE", "Error", "NotCopied", "check_torch", "core", "error",
           "is_flag", "next_step", "pairs", "text_of"]

COMPILED = MODULE is not None


class NotCopied:
    """What holds parts of the C++ core or connections, and so is neither pickled nor copied."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise error(EXIT_USAGE, f"a {type(self).__name__} is not pickled or copied. HINT: keep its state_dict(), and load it "
                    f"into a new {type(self).__name__} with load_state_dict()")


def pairs(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the command 'laser' as (name, text).

    settings: by name, values of Python.
    """
    return [(name, text_of(value)) for name, value in settings.items()]


def text_of(value: Any) -> str:
    """A value of a setting as the command reads it: flags as true and false, lists and arrays in brackets.

    value: a flag, number, text, list, array or tensor.
    """
    if is_flag(value):
        return "true" if value else "false"
    if hasattr(value, "tolist") and (isinstance(value, torch.Tensor) or value.ndim > 0):  # an array of numpy
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return str(value)


def is_flag(value: object) -> bool:
    """Whether it is True or False, of Python or of numpy.

    value: anything.
    """
    return isinstance(value, bool) or (type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"))

"""What the user can mend is told by one exception, Error: that of the compiled core, or its like where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from laser.extension import MODULE
from laser.hints import in_python, with_hint

EXIT_USAGE = 2  # exit codes of the command
EXIT_CONFIGURATION = 3
EXIT_DATA = 4
EXIT_NON_FINITE = 5


def _said(problem: RuntimeError) -> str:
    return in_python(RuntimeError.__str__(problem))


class PlainError(RuntimeError):
    """What the user can mend: what, where, and the next step, in Python's words. exit_code is that of the command 'laser'; args has the
    command's words."""

    exit_code = EXIT_CONFIGURATION
    __str__ = _said


if TYPE_CHECKING:
    from laser._core import Error as Error
elif MODULE is None:
    Error = PlainError
else:
    Error = MODULE.Error
    Error.__str__ = _said  # the core's texts are the command's


def error(exit_code: int, text: str) -> Exception:
    """An Error with an exit code of the command.

    exit_code: EXIT_USAGE, EXIT_CONFIGURATION, EXIT_DATA or EXIT_NON_FINITE.
    text: what is wrong, what is possible, and a HINT.
    """
    made = Error(text)
    made.exit_code = exit_code
    return made


@contextmanager
def next_step(hint: str) -> Iterator[None]:
    """Errors of what is inside, which name no next step, name this one.

    hint: what is done next, without "HINT:". Raises the Error of what is inside.
    """
    try:
        yield
    except Error as problem:
        if "HINT:" in str(problem):
            raise
        raise error(problem.exit_code, with_hint(str(problem), hint)) from None

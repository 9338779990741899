"""What the user can mend is told by one exception, Error: that of the compiled core, or its like where there is none."""

from typing import TYPE_CHECKING

from laser.extension import MODULE

EXIT_USAGE = 2  # exit codes of the command
EXIT_CONFIGURATION = 3
EXIT_DATA = 4
EXIT_NON_FINITE = 5


class PlainError(RuntimeError):
    """What the user can mend: what, where, and the next step. exit_code is that of the command 'laser'."""

    exit_code = EXIT_CONFIGURATION


if TYPE_CHECKING:
    from laser._core import Error as Error
else:
    Error = PlainError if MODULE is None else MODULE.Error


def error(exit_code: int, text: str) -> Exception:
    """An Error with an exit code of the command."""
    made = Error(text)
    made.exit_code = exit_code
    return made

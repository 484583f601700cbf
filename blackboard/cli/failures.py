"""How a command ends: exit codes, and errors as one line that says what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

import click

from blackboard.core.errors import BlackboardError

__all__ = ["FAILED", "OK", "POLICY", "UNREACHABLE", "USAGE", "exit_code_of", "guarded", "hush", "told"]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
POLICY: Final = 4
INTERRUPTED: Final = 130

_CODES: Final = {
    "unreachable": UNREACHABLE,
    "connection_lost": UNREACHABLE,
    "timed_out": UNREACHABLE,
    "unauthorized": POLICY,
    "forbidden": POLICY,
    "invalid_settings": USAGE,
    "invalid_params": USAGE,
}


def exit_code_of(error: BlackboardError) -> int:
    """Return the exit code that an error amounts to."""
    return _CODES.get(error.code, FAILED)


def hush() -> None:
    """Go on without a reader of our output, as after `| head`; nothing is left to flush at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def told(error: BlackboardError) -> str:
    """Return what happened and what to do; a message that is a whole sentence brings its own advice."""
    return error.message if error.message.endswith(".") else f"{error.message}. {error.advice}"


def guarded(command: Callable[..., object]) -> None:
    """Run a click command and exit; every known failure is one line on standard error."""
    try:
        assert isinstance(command, click.Command)
        result = command.main(standalone_mode=False, color=False if os.environ.get("NO_COLOR") else None)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BlackboardError as error:
        click.echo(f"error: {told(error)}", err=True)
        sys.exit(exit_code_of(error))
    sys.exit(result if isinstance(result, int) else OK)

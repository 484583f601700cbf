"""The log lines of commands that stay: level, who says it, what, and its fields."""

from __future__ import annotations

import logging
from typing import Final

import click

__all__ = ["LOG_LEVELS", "start_log"]

LOG_LEVELS: Final = click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False)
"""What `--log-level` takes."""

_STANDARD: Final = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"))
"""What every record has; the rest are fields that its author gave it."""


class _WithFields(logging.Formatter):
    """Shows the fields of a record behind its message, as `name=value`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        fields = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        return f"{super().formatMessage(record)}  {fields}".rstrip()


def start_log(level: str) -> None:
    """Write log lines of `level` and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithFields("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])

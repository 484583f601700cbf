"""Recovery: what becomes of an activation whose attempt failed.

Exponential backoff without jitter in this release; seeded jitter, breakers and fallback sources join here.
"""

from __future__ import annotations

from typing import Final

from blackboard.core.source import SourceDeclaration

__all__ = ["BACKOFF_MS_MAX", "retry_at"]

BACKOFF_MS_MAX: Final = 300_000
"""Longest wait between two attempts, in milliseconds."""


def retry_at(
    source: SourceDeclaration, attempts: int, *, now_ms: int, wait: bool = True, retryable: bool = True
) -> int | None:
    """Return the engine time at which an activation may run again, or `None` if it is a dead letter.

    Args:
        source: Declares the attempts and the first wait.
        attempts: Attempts made so far, the failed one included.
        now_ms: Engine time in milliseconds.
        wait: Whether to back off; an agent that vanished says nothing against the work itself.
        retryable: What the agent said of its error.
    """
    if not retryable or attempts >= source.attempts_max:
        return None
    if not wait:
        return now_ms
    return now_ms + min(source.backoff_ms << min(attempts - 1, 20), BACKOFF_MS_MAX)

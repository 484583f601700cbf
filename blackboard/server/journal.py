"""The store as the writers see it: a commit and a callback, without a task or a lock per commit."""

from __future__ import annotations

import asyncio
from functools import partial

from blackboard.core.errors import BlackboardError
from blackboard.core.record import Commit
from blackboard.server.seams import Done
from blackboard.store import Store

__all__ = ["StoreJournal"]


class StoreJournal:
    """Hands commits to a store.

    Args:
        store: An open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()

    def append(self, commit: Commit, done: Done) -> None:
        """Queue `commit`; `done` is called on the loop, never from within this call."""
        try:
            future = self._store.submit(commit)
        except BlackboardError as error:
            self._loop.call_soon(done, error)
        else:
            future.add_done_callback(partial(_tell, done))


def _tell(done: Done, future: asyncio.Future[None]) -> None:
    if future.cancelled():
        done(BlackboardError("storage_failed", "the store was closed before the outcome was known"))
        return
    error = future.exception()
    if error is None or isinstance(error, BlackboardError):
        done(error)
    else:
        done(BlackboardError("storage_failed", f"the store failed: {error!r}"))

"""The runner: takes offers and turns each into an attempt; as many handlers run as the agent has credits.

Every attempt is a task owned by `run`'s task group. An offer that comes again after a reconnect, under the
token of an attempt that still runs, changes nothing; under a newer token it replaces that attempt. An offer
that cannot be taken is left unaccepted, so that the server offers it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from blackboard.authoring import KnowledgeSource
from blackboard.client import Session
from blackboard.client.views import read_offer
from blackboard_sources.attempt import Attempt
from blackboard_sources.context import LOG
from blackboard_sources.slots import Slots

__all__ = ["Runner"]


class Runner:
    """Runs the attempts of one agent.

    Args:
        session: The agent's session.
        sources: What it can run, by name.
        credits_: Most handlers at a time.
        group: Owner of the attempts' tasks.
    """

    def __init__(
        self,
        session: Session,
        sources: Mapping[str, KnowledgeSource],
        credits_: int,
        group: asyncio.TaskGroup,
    ) -> None:
        self._slots = Slots(credits_)
        self._session = session
        self._sources = sources
        self._group = group
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def resize(self, credits_: int) -> None:
        """Change how many handlers run at a time."""
        self._slots.size = credits_

    @property
    def active(self) -> int:
        """How many attempts it has taken on, those that wait for a slot included."""
        return len(self._tasks)

    def offered(self, params: dict[str, Any]) -> None:
        """Take an offer."""
        offer = read_offer(params)
        key = (offer.board, offer.activation)
        standing = self._attempts.get(key)
        if standing is not None:
            if standing.offer.token >= offer.token:
                return
            standing.withdraw("it was offered again under a newer token")
        source = self._sources.get(offer.source)
        if source is None or self._is_stopping:
            LOG.warning("%s#%d for %s is left to others", offer.board, offer.activation, offer.source)
            return
        attempt = Attempt(self._session, source, offer, self._slots)
        self._attempts[key] = attempt
        task = self._group.create_task(attempt.run(), name=attempt.name)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(key, attempt, done))

    def withdrawn(self, params: dict[str, Any]) -> None:
        """Drop the work on an activation whose lease has ended."""
        attempt = self._attempts.get((params["board"], params["activation"]))
        if attempt is not None and attempt.offer.token == params["token"]:
            attempt.withdraw(str(params["reason"]))

    async def resume(self) -> None:
        """After a reconnect, say of every lease that its work goes on."""
        for attempt in self._attempts.values():
            attempt.renew()

    async def drain(self, grace: float) -> None:
        """Take no more offers, let attempts finish for `grace` seconds, then give the rest back."""
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()

    def _ended(self, key: tuple[str, int], attempt: Attempt, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._attempts.get(key) is attempt:
            del self._attempts[key]

"""One attempt at one activation: accept, run the handler, keep the lease alive, report how it ended.

The handler starts while the acceptance is on its way: the fencing token makes that safe, and it saves a
round trip. (It starts one turn of the loop later, so that even a handler that blocks has accepted.) The
lease is renewed at a third of its term by a timer of the event loop, also while the handler waits. A handler
that blocks the loop cannot renew, and its activation is offered elsewhere: that is what leases are for.
Exactly one of complete, decline and fail is reported, unless the lease is lost first.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any, Final

from blackboard.authoring import KnowledgeSource, Result, is_retryable, to_contributions, types_of
from blackboard.client import Session
from blackboard.client.views import OfferView
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import to_data
from blackboard.core.limits import DEFAULT_LIMITS
from blackboard.core.values import Data
from blackboard_sources.context import LOG, RemoteContext
from blackboard_sources.slots import Slots

__all__ = ["Attempt"]

_LEASE_LOST: Final = frozenset({"stale_token", "unknown_activation", "unknown_board", "board_ended"})
"""Refusals that mean that this work is nobody's any more, or another's."""

Report = tuple[str, Data]


class Attempt:
    """One attempt; `run` is its task.

    Args:
        session: The session over which it is reported.
        source: What is to run.
        offer: What was offered.
        slots: Where the handler waits for its turn, its lease held meanwhile.
    """

    def __init__(self, session: Session, source: KnowledgeSource, offer: OfferView, slots: Slots) -> None:
        self.offer = offer
        self._slots = slots
        self._session = session
        self._source = source
        self._board = session.board(offer.board)
        self._context = RemoteContext(self._board, offer)
        self._lease = {"board": offer.board, "activation": offer.activation, "token": offer.token}
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._withdrawn = ""

    @property
    def name(self) -> str:
        """What is attempted, for logs."""
        return f"{self.offer.source} on {self.offer.board}#{self.offer.activation}"

    async def run(self) -> None:
        """Make the attempt; cancelling it gives the activation back."""
        self._task = asyncio.current_task()
        self._session.request_nowait("activation.accept", self._lease, on_error=self._lease_refused)
        self._arm()
        try:
            await asyncio.sleep(0)
            async with self._slots.slot():
                await self._report(*await self._work())
        except asyncio.CancelledError:
            if self._withdrawn:
                LOG.info("%s was withdrawn: %s", self.name, self._withdrawn)
                return
            self._session.request_nowait("activation.fail", {**self._lease, "error": "the agent stopped"})
            raise
        finally:
            self._disarm()

    def withdraw(self, reason: str) -> None:
        """Drop the work: the lease has ended. Told twice, it leaves a handler that cleans up in peace."""
        if self._withdrawn:
            return
        self._withdrawn = reason or "the lease ended"
        self._disarm()
        if self._task is not None:
            self._task.cancel()

    def renew(self) -> None:
        """Give the lease its full term again."""
        if self._session.is_connected:
            self._session.request_nowait("activation.renew", self._lease, on_error=self._lease_refused)

    # The lease.

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.offer.lease / 3, self._renew_and_arm)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _renew_and_arm(self) -> None:
        self.renew()
        self._arm()

    def _lease_refused(self, error: BlackboardError) -> None:
        if error.code in _LEASE_LOST:
            self.withdraw(error.message)
        else:
            LOG.warning("%s: %s", self.name, error.message)

    # The work.

    async def _work(self) -> Report:
        """Run the handler within its time and return what is to be reported."""
        limit = asyncio.timeout(self.offer.timeout)
        try:
            async with limit:
                result = await self._source.run(self._context, self.offer.entries)
            return await self._success(result)
        except asyncio.CancelledError:
            if self._task is not None and self._task.cancelling():
                raise
            return self._failure("the handler was cancelled from within", retryable=True)
        except TimeoutError as error:
            if limit.expired():
                return self._failure(f"timed out after {self.offer.timeout:g} s", retryable=True)
            return self._raised(error)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is reported
            return self._raised(error)

    async def _success(self, result: Result) -> Report:
        if result is None and not self._context.has_published:
            return "activation.decline", {"reason": "the handler returned None"}
        contributions = to_contributions(result)
        declared = {each.name for each in self._source.declaration.types}
        await self._board.define_types([each for each in types_of(result) if each.name not in declared])
        return "activation.complete", {"contributions": [to_data(each) for each in contributions]}

    def _raised(self, error: Exception) -> Report:
        if isinstance(error, BlackboardError) and error.code in _LEASE_LOST:
            self._withdrawn = error.message
        place = _place(error, self._source.location)
        retryable = is_retryable(error)
        level = logging.DEBUG if self._withdrawn else logging.ERROR
        LOG.log(level, "%s failed at %s", self.name, place, exc_info=error)
        return self._failure(f"{type(error).__name__}: {error} ({place})", retryable=retryable)

    def _failure(self, error: str, *, retryable: bool) -> Report:
        text = error[: DEFAULT_LIMITS.text_chars_max]
        return "activation.fail", {"error": text, "retryable": retryable}

    # The report.

    async def _report(self, method: str, params: Data) -> None:
        if self._withdrawn:
            LOG.info("%s was withdrawn: %s", self.name, self._withdrawn)
            return
        try:
            await self._send(method, params)
        except BlackboardError as error:
            if error.code in _LEASE_LOST or error.retryable:
                LOG.warning("%s: the result was not taken: %s, %s", self.name, error.code, error.message)
                return
            LOG.error("%s: the contributions were refused: %s", self.name, error.message)
            refusal = self._failure(f"{error.code}: {error.message}", retryable=is_retryable(error))
            await self._report_refusal(*refusal)

    async def _report_refusal(self, method: str, params: Data) -> None:
        try:
            await self._send(method, params)
        except BlackboardError as error:
            LOG.warning("%s: the failure was not taken: %s", self.name, error.message)

    async def _send(self, method: str, params: Data) -> None:
        command_id = self._session.new_command_id()
        await self._session.request(method, {**self._lease, **params, "command_id": command_id})


def _place(error: Exception, location: str) -> str:
    """Return `file:line` where the handler's own file last appears on the way to `error`."""
    file = location.rpartition(":")[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file]
    frame = (own or frames)[-1] if frames else None
    return location if frame is None else f"{Path(frame.filename).name}:{frame.lineno}"

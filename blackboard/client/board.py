"""A handle to one board: posting, changing, reading and watching."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from blackboard.authoring.contributions import (
    Contribution,
    Edge,
    Judge,
    Link,
    Plain,
    Post,
    Ref,
    Retract,
    Revise,
    to_contributions,
    types_of,
)
from blackboard.authoring.entry import Entry, typed
from blackboard.authoring.hypothesis import Hypothesis
from blackboard.client.views import BoardInfo, Why, read_as, read_entry, read_why
from blackboard.client.watch import Watch
from blackboard.core.commands import Verdict
from blackboard.core.completion import Settings
from blackboard.core.entry import EntryId, LinkKind
from blackboard.core.entry_type import EntryType
from blackboard.core.errors import BlackboardError
from blackboard.core.events import BoardEnded
from blackboard.core.fact import to_data
from blackboard.core.ready import Receipt
from blackboard.core.values import Data

if TYPE_CHECKING:
    from blackboard.client.session import Session

__all__ = ["Board"]

H = TypeVar("H", bound=Hypothesis)

_METHOD_OF: Final = {
    "post": "entry.post",
    "revise": "entry.revise",
    "link": "entry.link",
    "judge": "entry.judge",
    "retract": "entry.retract",
}
"""The method that carries out a contribution, by its `do`."""


def _as_params(contribution: object) -> tuple[str, Data]:
    """Return the method and the parameters that carry out one of the core's contributions."""
    params = to_data(contribution)
    return _METHOD_OF[params.pop("do")], params


class Board:
    """A handle to one board of a session; it holds no state of the board itself.

    Args:
        session: The session.
        name: Name of the board.
    """

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name

    # Changing.

    @overload
    async def post(
        self,
        data: Hypothesis,
        /,
        *,
        confidence: float = 1.0,
        because: Sequence[Ref] = (),
        links: Sequence[Edge] = (),
        note: str = "",
        ttl: float | None = None,
    ) -> EntryId: ...
    @overload
    async def post(
        self,
        data: str,
        content: Data,
        /,
        *,
        confidence: float = 1.0,
        because: Sequence[Ref] = (),
        links: Sequence[Edge] = (),
        note: str = "",
        ttl: float | None = None,
    ) -> EntryId: ...
    async def post(
        self,
        data: Hypothesis | str,
        content: Data | None = None,
        /,
        *,
        confidence: float = 1.0,
        because: Sequence[Ref] = (),
        links: Sequence[Edge] = (),
        note: str = "",
        ttl: float | None = None,
    ) -> EntryId:
        """Post a hypothesis, or plain data under the name of a type, and return the entry's number.

        The type of a hypothesis is defined on the board where it is not known yet.

        Args:
            data: The hypothesis, or the name of its type.
            content: Plain data, if `data` is a name.
            confidence: How sure the author is, from 0 to 1.
            because: Entries that it rests on.
            links: Links from it to other entries, such as `supports(entry)`.
            note: One-line explanation for people.
            ttl: Time to live in seconds; `None` takes that of its type.

        Raises:
            BlackboardError: Why it is refused, or that the outcome is unknown.
        """
        body = data if isinstance(data, Hypothesis) else Plain(data, content or {})
        receipt = await self.contribute(Post(body, confidence, because, links, note, ttl))
        return receipt.entries[0]

    async def revise(
        self,
        entry: Entry[Any],
        data: Hypothesis | None = None,
        *,
        confidence: float | None = None,
        because: Sequence[Ref] = (),
        note: str = "",
    ) -> Receipt:
        """Replace the data of an entry, or only the claim; `version_conflict` if it changed meanwhile."""
        return await self.contribute(Revise(entry, data, confidence, because, note))

    async def link(
        self, kind: LinkKind, source: Ref, target: Ref, *, weight: float = 1.0, reason: str = ""
    ) -> Receipt:
        """Link two entries; `supports` and `refutes` are evidence, scaled by `weight`."""
        return await self.contribute(Link(kind, source, target, weight, reason))

    async def judge(self, entry: Ref, verdict: Verdict, *, reason: str = "") -> Receipt:
        """Accept, reject or reopen an entry."""
        return await self.contribute(Judge(entry, verdict, reason))

    async def retract(self, entry: Ref, *, reason: str = "") -> Receipt:
        """Take an entry back: a person the whole of it, an author its own claims."""
        return await self.contribute(Retract(entry, reason))

    async def batch(self, contributions: Sequence[Contribution | Hypothesis]) -> Receipt:
        """Carry out all contributions, or none; a `Post` may be named by those that follow it."""
        lowered = to_contributions(contributions)
        await self.define_types(types_of(contributions))
        return await self.change("entry.batch", {"contributions": [to_data(each) for each in lowered]})

    async def define_types(self, types: Collection[EntryType]) -> None:
        """Make types known, once per connection each; repeating an equal definition changes nothing."""
        known = self.session.known_types
        for each in types:
            if (self.name, each.name) not in known:
                await self.change("type.define", {"type": to_data(each)})
                known.add((self.name, each.name))

    async def pause(self, *, reason: str = "") -> Receipt:
        """Grant no leases until resumed; running ones go on."""
        return await self.change("board.pause", {"reason": reason})

    async def resume(self) -> Receipt:
        """Undo a pause."""
        return await self.change("board.resume", {})

    async def cancel(self, *, reason: str = "") -> Receipt:
        """End the board by a person's word."""
        return await self.change("board.cancel", {"reason": reason})

    async def configure(self, settings: Settings) -> Receipt:
        """Replace the settings while the board runs."""
        return await self.change("board.configure", {"settings": to_data(settings)})

    async def change(self, method: str, params: Data) -> Receipt:
        """Send any request that changes this board; it carries a fresh `command_id`."""
        sent = {"board": self.name, "command_id": self.session.new_command_id(), **params}
        return read_as(Receipt, await self.session.request(method, sent))

    async def contribute(self, contribution: Contribution, *, lease: Data | None = None) -> Receipt:
        """Carry out one contribution, having defined the type of its hypothesis where that is new.

        Args:
            contribution: What to do.
            lease: `activation` and `token`, for a partial result of an activation.
        """
        method, params = _as_params(to_contributions(contribution)[0])
        await self.define_types(types_of([contribution]))
        return await self.change(method, {**params, **(lease or {})})

    # Reading.

    async def get(self) -> BoardInfo:
        """Return how the board stands.

        Raises:
            BlackboardError: `unknown_board`.
        """
        return read_as(BoardInfo, await self.session.request("board.get", {"board": self.name}))

    async def entry(self, entry: EntryId) -> Entry[Data]:
        """Return one entry with plain data.

        Raises:
            BlackboardError: `unknown_entry`.
        """
        return read_entry(await self.session.request("entry.get", {"board": self.name, "entry": entry}))

    @overload
    async def entries(
        self, model: type[H], *, level: str | None = None, live: bool | None = True
    ) -> list[Entry[H]]: ...
    @overload
    async def entries(
        self, model: str | None = None, *, level: str | None = None, live: bool | None = True
    ) -> list[Entry[Data]]: ...
    async def entries(
        self,
        model: type[Hypothesis] | str | None = None,
        *,
        level: str | None = None,
        live: bool | None = True,
    ) -> list[Any]:
        """Return entries in order of posting.

        Args:
            model: Only those of this type (a model, or a name, which leaves the data plain).
            level: Only those of this level.
            live: Only live ones, only those that are not, or (`None`) all.
        """
        name = model if isinstance(model, str) or model is None else model.entry_type().name
        query = {"board": self.name, "type": name, "level": level, "live": live}
        params: Data = {key: value for key, value in query.items() if value is not None}
        found: list[Entry[Any]] = []
        while True:
            page = await self.session.request("entry.list", params)
            found.extend(map(read_entry, page["entries"]))
            if page.get("next") is None:
                break
            params["after"] = page["next"]
        if isinstance(model, type):
            return [typed(each, model) for each in found]
        return found

    async def why(self, entry: EntryId, *, depth: int = 3) -> Why:
        """Return what an entry rests on, and what speaks for and against it, `depth` steps far."""
        params = {"board": self.name, "entry": entry, "depth": depth}
        return read_why(await self.session.request("entry.why", params))

    def watch(self, *, after: int | None = None, types: Collection[str] | None = None) -> Watch:
        """Return an iterator over the changes of the board, each once, also across reconnects.

        Args:
            after: Begin after this revision; 0 is the whole history, `None` what comes from now on.
            types: Of the events that concern one entry, only those of entries of these types.
        """
        return Watch(self.session, self.session.router, self.name, after=after, types=types)

    async def wait_ended(self, timeout: float) -> BoardInfo:  # noqa: ASYNC109 - the whole wait
        """Wait until the board has its outcome and return how it ended.

        Raises:
            BlackboardError: `timed_out` after `timeout` seconds; the board goes on.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._wait_ended()
        except TimeoutError:
            message = f"board {self.name!r} has not ended within {timeout:g} s"
            raise BlackboardError("timed_out", message) from None

    async def _wait_ended(self) -> BoardInfo:
        info = await self.get()
        if info.status == "ended":
            return info
        async with self.watch(after=info.revision, types=()) as changes:
            async for change in changes:
                if any(isinstance(record.event, BoardEnded) for record in change.records):
                    break
        return await self.get()

"""Agents: `connect` to a server, `add` knowledge sources, `run`.

async with connect("ws://127.0.0.1:8787/v1") as agent:
agent.add(deploy_correlator)
await agent.run()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from blackboard.authoring import KnowledgeSource
from blackboard.authoring.source import SourceLike, as_source
from blackboard.client import Board, Session, SessionOptions, open_session
from blackboard.core.completion import Settings
from blackboard.core.errors import BlackboardError
from blackboard.core.fact import to_data
from blackboard_sources.runner import Runner

__all__ = ["CREDITS_DEFAULT", "GRACE_SECONDS", "Agent", "connect"]

CREDITS_DEFAULT: Final = 8
GRACE_SECONDS: Final = 2.0
"""How long `stop` lets attempts finish; less than a server waits before it kills a worker."""


class Agent:
    """A process that works for knowledge sources over one session; `connect` makes it.

    Args:
        session: The session, connected.
        credits_: Most activations that it takes at a time.
    """

    def __init__(self, session: Session, *, credits_: int = CREDITS_DEFAULT) -> None:
        self.session = session
        self._credits = credits_
        self._sources: dict[str, KnowledgeSource] = {}
        self._boards: dict[str, Sequence[str] | None] = {}
        self._replace: set[str] = set()
        self._runner: Runner | None = None
        self._stopping = asyncio.Event()
        self._grace = GRACE_SECONDS

    @property
    def name(self) -> str:
        """Name of this agent instance."""
        return self.session.agent or ""

    @property
    def credits(self) -> int:
        """Most activations that it takes at a time."""
        return self._credits

    @property
    def active(self) -> int:
        """How many activations it works on now."""
        return 0 if self._runner is None else self._runner.active

    def board(self, name: str = "default") -> Board:
        """Return a handle to a board."""
        return self.session.board(name)

    async def open_board(
        self,
        name: str,
        *,
        goal: str = "",
        settings: Settings | None = None,
        paused: bool = False,
        exist_ok: bool = False,
    ) -> Board:
        """Open a board; see `Session.open_board`."""
        return await self.session.open_board(
            name, goal=goal, settings=settings, paused=paused, exist_ok=exist_ok
        )

    def add(self, *sources: SourceLike, boards: Sequence[str] | None = None, replace: bool = False) -> None:
        """Name sources that this agent works for, before `run`.

        Args:
            sources: What `knowledge_source` made.
            boards: Boards on which they act; `None` for every board.
            replace: Supersede another trigger of the same name, instead of `source_conflict`.

        Raises:
            BlackboardError: `invalid_source` if one is no source, or two of a name differ.
        """
        if self._runner is not None:
            raise BlackboardError("invalid_source", "this agent runs already; add its sources before run()")
        for each in sources:
            source = as_source(each)
            known = self._sources.setdefault(source.name, source)
            if known is not source:
                raise BlackboardError(
                    "invalid_source",
                    f"two sources are called {source.name!r}: {known.location} and {source.location}; "
                    "rename one by @knowledge_source(..., name=...)",
                )
            self._boards[source.name] = boards
            if replace:
                self._replace.add(source.name)

    async def set_credits(self, credits_: int) -> None:
        """Change how many activations it takes at a time; running ones go on."""
        self._credits = credits_
        if self._runner is not None:
            self._runner.resize(credits_)
            await self.session.request("agent.credits", {"credits": credits_})

    async def run(self, *, registered: Callable[[], None] | None = None) -> None:
        """Work until `stop` is called, or the session ends.

        Cancelling gives unfinished activations back to the server.

        Args:
            registered: Called once the server has taken all sources.

        Raises:
            BlackboardError: A source is refused, or the session ended for good.
        """
        if self._runner is not None:
            raise BlackboardError("invalid_source", "this agent runs already")
        if not self._sources:
            raise BlackboardError("invalid_source", "this agent has no source; call agent.add(source) first")
        session = self.session
        async with self._running(), asyncio.TaskGroup() as group:
            self._runner = runner = Runner(session, self._sources, self._credits, group)
            session.on_notice("activation.offered", runner.offered)
            session.on_notice("activation.withdrawn", runner.withdrawn)
            session.on_connected(self._resume)
            refusal: BlackboardError | None = None
            try:
                await self._register()
                if registered is not None:
                    registered()
                await self._wait_end()
            except BlackboardError as error:  # raised below, as it is and not in an exception group
                refusal = error
            finally:
                session.remove_hooks(self._resume)
            await self._leave(runner)
        if refusal is None and session.ended.done() and not self._stopping.is_set():
            end = session.ended.result()
            refusal = BlackboardError(end.code, end.message)
        if refusal is not None:
            raise refusal

    def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """Make `run` return: no more offers, `grace` seconds to finish, then the rest is given back."""
        self._grace = grace
        self._stopping.set()

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        """Forget the runner once its tasks have ended."""
        try:
            yield
        finally:
            self._runner = None

    async def _register(self) -> None:
        for name, source in self._sources.items():
            params = {
                "source": to_data(source.declaration),
                "boards": self._boards[name],
                "replace": name in self._replace,
                "credits": self._credits,
            }
            sent = {key: value for key, value in params.items() if value is not None}
            await self.session.request("source.register", sent)

    async def _resume(self) -> None:
        if self._runner is not None:
            await self._runner.resume()
        if not self._stopping.is_set():
            await self._register()

    async def _wait_end(self) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((stopping, self.session.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _leave(self, runner: Runner) -> None:
        """Take what was offered before the server knew of no credits, let it finish, give the rest back."""
        if self.session.ended.done():
            await runner.drain(0.0)
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace
        with contextlib.suppress(BlackboardError):
            # What is offered comes before the answer; if none comes in time, those offers lapse.
            await self.session.request("agent.credits", {"credits": 0}, timeout=max(self._grace, 0.001))
        await runner.drain(max(0.0, end - loop.time()))


@contextlib.asynccontextmanager
async def connect(
    url: str,
    *,
    token: str | None = None,
    agent: str | None = None,
    name: str = "blackboard-python",
    credits: int = CREDITS_DEFAULT,  # noqa: A002 - the protocol's word
    options: SessionOptions | None = None,
) -> AsyncGenerator[Agent]:
    """Connect an agent to a server, and disconnect it at the end of the block.

    Args:
        url: `ws://HOST:PORT/v1`.
        token: Secret that says who speaks; by default that of `BLACKBOARD_TOKEN` or, for a server on this
            machine, of the nearest `.blackboard/token` from the current directory upward.
        agent: Stable name of this agent instance; who reconnects under it resumes its leases.
        name: Name of the program, for people.
        credits: Most activations that it takes at a time.
        options: Bounds and seams of the session.

    Raises:
        BlackboardError: `unreachable` if there is no server, `unauthorized` if it refuses the token.
    """
    async with open_session(url, token=token, agent=agent, name=name, options=options) as session:
        yield Agent(session, credits_=credits)

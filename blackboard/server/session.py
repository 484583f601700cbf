"""One session on one connection: from the first message to the last answer.

A session decodes what came, sees to it that `session.hello` is first, and hands each request to the writer of
its board or to its row in the dispatch table. Every request is answered once, by its reply. Bad input is an
answer, never a line in the log; a fault of ours is both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from blackboard.core.commands import Command, Principal
from blackboard.core.commands import Request as BoardRequest
from blackboard.core.errors import BlackboardError, Rejected
from blackboard.core.limits import Limits
from blackboard.core.ready import Receipt
from blackboard.core.values import Data
from blackboard.server.agents import Agent, AgentTable
from blackboard.server.auth import Grant, TokenBook
from blackboard.server.host import Host
from blackboard.server.hosted import HostedBoard
from blackboard.server.leases import LeaseTable
from blackboard.server.metrics import Counters
from blackboard.server.subscriptions import Subscriptions
from blackboard.server.transport import Channel
from blackboard.store import Store
from blackboard.wire.codec import (
    decode_message,
    encode_error,
    encode_receipt,
    encode_result,
    encode_result_raw,
)
from blackboard.wire.envelope import MalformedMessage, Notice, Request, RequestId
from blackboard.wire.frames import frame_text
from blackboard.wire.messages import PROTOCOL, HelloParams, Message, WireLimits
from blackboard.wire.requests import COMMANDS, read_change, read_params

__all__ = ["SERVER_NAME", "STEERING", "Answered", "Call", "Method", "Services", "Session"]

logger = logging.getLogger(__name__)

SERVER_NAME: Final = "blackboard"

Answered: TypeAlias = Receipt | BlackboardError | Data | bytes
"""What a request is answered with: a receipt, a refusal, a result, or a result that is JSON already."""

Method: TypeAlias = "Callable[[Session, Message, Call], None]"
"""Carries out one method for a session: it calls the call, now or later, or raises a refusal."""

STEERING: Final = frozenset(
    {
        "activation.cancel",
        "activation.retry",
        "board.cancel",
        "board.configure",
        "board.pause",
        "board.resume",
    }
)
"""What a person may do and an agent may not."""

_CLOSE_POLICY: Final = 1008


@dataclass(frozen=True, slots=True)
class Services:
    """What sessions work with."""

    host: Host
    agents: AgentTable
    leases: LeaseTable
    subscriptions: Subscriptions
    store: Store
    tokens: TokenBook
    counters: Counters
    limits: Limits
    methods: Mapping[str, Method]
    log_reads: asyncio.Semaphore
    plugins: Callable[[], list[Data]]
    supervised: Callable[[], list[Data]]
    version: str


class Call:
    """One request that is being worked on; call it with the answer, once."""

    __slots__ = ("_id", "_size", "session")

    def __init__(self, session: Session, id_: RequestId, size: int) -> None:
        self.session = session
        self._id = id_
        self._size = size
        session.channel.begin_request(size)

    def __call__(self, answer: Answered) -> None:
        """Send the answer; it goes out with everything else of this turn."""
        session = self.session
        session.channel.end_request(self._size)
        if session.channel.is_lost:
            return
        if type(answer) is Receipt:
            payload = encode_receipt(self._id, answer)
        elif isinstance(answer, BlackboardError):
            session.services.counters.requests_refused += 1
            payload = encode_error(self._id, answer)
        elif isinstance(answer, bytes):
            payload = encode_result_raw(self._id, answer)
        else:
            payload = encode_result(self._id, answer)
        most = session.services.limits.connection_queue_bytes_max
        if len(payload) > most:
            refusal = f"the answer would take {len(payload)} bytes, more than {most}; ask for less at a time"
            payload = encode_error(self._id, Rejected("limit_exceeded", refusal))
        session.channel.send_frame(frame_text(payload))


class Session:
    """What one connection says and hears.

    Args:
        channel: The connection.
        services: What it works with.
        bearer: Token of the `Authorization` header, if there was one.
    """

    __slots__ = ("_bearer", "_grant", "agent", "channel", "principal", "services")

    def __init__(self, channel: Channel, services: Services, *, bearer: str | None) -> None:
        self.channel = channel
        self.services = services
        self._bearer = bearer
        self._grant: Grant | None = None
        self.agent: Agent | None = None
        self.principal = Principal(name="", kind="agent")

    # What came.

    def texts(self, payloads: list[bytes]) -> None:
        """Take the messages that one read brought."""
        services = self.services
        services.counters.requests += len(payloads)
        for payload in payloads:
            try:
                message = decode_message(payload, limits=services.limits)
            except MalformedMessage as error:
                self._refuse(error.id, error)
                continue
            if isinstance(message, Request):
                self._request(message, len(payload))
            elif not isinstance(message, Notice):
                wrong = Rejected("invalid_request", "this server asks nothing; an answer was not expected")
                self._refuse(message.id, wrong)

    def _request(self, message: Request, size: int) -> None:
        method = message.method
        call = Call(self, message.id, size)
        try:
            if method == "session.hello":
                self._hello(read_params(method, message.params), call)
            elif self._grant is None:
                raise Rejected("hello_required", f"{method[:80]!r} came before session.hello")
            elif method in COMMANDS:
                if method in STEERING:
                    self.check_steering(method)
                change = read_change(method, message.params)
                self.change(change.board, change.command, change.command_id, call, size=size)
            else:
                params = read_params(method, message.params)
                self.services.methods[method](self, params, call)
        except BlackboardError as error:
            call(error)
        except Exception:
            logger.exception("a request failed", extra={"method": method})
            call(BlackboardError("internal_error", "the server failed on this request; see its log"))

    def change(
        self, board: str, command: Command, command_id: str | None, call: Call, *, size: int = 0
    ) -> None:
        """Submit a command to its board.

        Raises:
            Rejected: `unknown_board`.
        """
        request = BoardRequest(principal=self.principal, command=command, command_id=command_id)
        self.board(board).writer.submit(request, call, size=size)

    def _refuse(self, id_: RequestId | None, error: BlackboardError) -> None:
        self.services.counters.requests_refused += 1
        self.channel.send_frame(frame_text(encode_error(id_, error)))

    # Who speaks.

    def check_steering(self, method: str) -> None:
        """Check that this session may steer.

        Raises:
            Rejected: `forbidden`.
        """
        if self.principal.kind == "agent":
            raise Rejected("forbidden", f"{method} is for people; this token is an agent's")

    @property
    def grant(self) -> Grant:
        """What the token of this session stands for."""
        assert self._grant is not None, "requests are dispatched only after hello"
        return self._grant

    @property
    def worker(self) -> Agent:
        """The agent of this session."""
        assert self.agent is not None, "requests are dispatched only after hello"
        return self.agent

    def board(self, name: str) -> HostedBoard:
        """Return a board that this session may know of.

        Raises:
            Rejected: `unknown_board`, in the same words whether it is hidden or missing.
        """
        hosted = self.services.host.find(name)
        if hosted is None or not self.grant.reaches(name):
            raise Rejected("unknown_board", f"there is no board {name!r}")
        return hosted

    def _hello(self, params: object, call: Call) -> None:
        assert isinstance(params, HelloParams), "read_params returns the model of the method"
        services = self.services
        if self._grant is not None:
            raise Rejected("invalid_request", "session.hello was answered already")
        if params.protocol != PROTOCOL:
            raise Rejected(
                "invalid_params", f"protocol is {params.protocol}; this server speaks {PROTOCOL} only"
            )
        try:
            grant = services.tokens.check(params.token or self._bearer)
            agent = services.agents.join(self.channel, name=params.agent, grant=grant, client=params.client)
        except Rejected as refusal:
            call(refusal)
            self.channel.close(_CLOSE_POLICY, refusal.code)
            return
        self._grant, self.agent = grant, agent
        self.principal = msgspec.structs.replace(grant.principal, agent=agent.name)
        self.channel.hello_done()
        call(
            {
                "server": SERVER_NAME,
                "version": services.version,
                "protocol": PROTOCOL,
                "principal": grant.principal.name,
                "kind": grant.principal.kind,
                "agent": agent.name,
                "durability": services.store.durability,
                "limits": {name: getattr(services.limits, name) for name in _LIMITS},
            }
        )
        services.agents.resend_offers(agent)

    def closed(self) -> None:
        """The connection is gone."""
        self.services.subscriptions.leave(self.channel)
        if self.agent is not None:
            self.services.agents.leave(self.agent, self.channel)


_LIMITS: Final = tuple(name for name in WireLimits.model_fields if name in Limits.__struct_fields__)

"""A link: one connection on which the hello has succeeded, and which reads messages for its session."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

from blackboard.client.options import SessionOptions
from blackboard.client.transport import Transport, dial
from blackboard.core.errors import BlackboardError
from blackboard.core.limits import SERVER_LIMITS
from blackboard.wire.codec import decode_message, encode_request
from blackboard.wire.connection import ClientConnection
from blackboard.wire.envelope import Failure, MalformedMessage, Notice, Request, Success
from blackboard.wire.messages.session import PROTOCOL

__all__ = ["LOG", "Link", "LinkOwner", "open_link"]

LOG: Final = logging.getLogger("blackboard.client")

_HELLO_ID: Final = 0
"""Id of the hello; those of other requests are 1 and up."""


class LinkOwner(Protocol):
    """Who uses a link."""

    def take_result(self, id_: int, result: Any) -> None:
        """A request got its result."""
        ...

    def take_error(self, id_: int, error: BlackboardError) -> None:
        """A request got its error."""
        ...

    def take_notice(self, method: str, params: dict[str, Any]) -> None:
        """A notification came."""
        ...

    def link_ended(self, link: Link, error: BlackboardError) -> None:
        """Nothing more will come over `link`; told once."""
        ...


class Link:
    """One connection to a server, as its session sees it.

    Args:
        owner: Who is told what comes.
    """

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self.hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.transport: Transport

    def make_transport(self, connection: ClientConnection) -> Transport:
        """Return the transport over which this link is going to speak."""
        self.transport = Transport(connection, self, asyncio.get_running_loop())
        return self.transport

    def text_received(self, payload: bytes) -> None:
        """Take one message of the server."""
        try:
            message = decode_message(payload, limits=SERVER_LIMITS)
        except MalformedMessage as error:
            LOG.warning("the server sent what cannot be read: %s", error.message)
            return
        match message:
            case Success(id=int(id_), result=result):
                if id_ == _HELLO_ID:
                    self._answer_hello(result)
                else:
                    self._owner.take_result(id_, result)
            case Failure(id=int(id_)):
                if id_ == _HELLO_ID:
                    self._refuse_hello(message.to_error())
                else:
                    self._owner.take_error(id_, message.to_error())
            case Failure():
                LOG.warning("the server could not read a message: %s", message.message)
            case Notice(method=method, params=params):
                self._owner.take_notice(method, params)
            case Success() | Request():
                LOG.warning("the server sent a message that answers nothing")

    def connection_ended(self, error: BlackboardError) -> None:
        """Pass on that nothing more will come."""
        self._refuse_hello(error)
        self._owner.link_ended(self, error)

    def _answer_hello(self, result: dict[str, Any]) -> None:
        if not self.hello.done():
            self.hello.set_result(result)

    def _refuse_hello(self, error: BlackboardError) -> None:
        if not self.hello.done():
            self.hello.set_exception(error)
            self.hello.exception()  # it may come while nobody waits for the hello yet


async def open_link(
    owner: LinkOwner, url: str, hello: dict[str, Any], options: SessionOptions
) -> tuple[Link, dict[str, Any]]:
    """Connect, say hello, and return the link with the server's answer.

    Raises:
        BlackboardError: `unreachable`, `forbidden`, `timed_out`, `connection_lost`, or why the hello is
            refused, such as `unauthorized`.
    """
    link = Link(owner)
    await dial(url, link.make_transport, random_bytes=options.random_bytes, timeout=options.connect_timeout)
    params = {key: value for key, value in {"protocol": PROTOCOL, **hello}.items() if value is not None}
    try:
        link.transport.send(encode_request(_HELLO_ID, "session.hello", params))
        answer = await asyncio.wait_for(link.hello, options.connect_timeout)
        if link.transport.is_ended:
            raise BlackboardError("connection_lost", "the connection ended right after the hello")
    except TimeoutError:
        link.transport.abort()
        bound = options.connect_timeout
        raise BlackboardError("timed_out", f"{url} did not answer the hello within {bound:g} s") from None
    except BaseException:
        link.transport.abort()
        raise
    link.transport.hello_done()
    return link, answer

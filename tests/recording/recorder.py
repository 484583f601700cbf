"""Validates every frame that servers take and send while the tests run, against the AsyncAPI document.

`install` taps the two places that all frames pass: `Session.texts` on the way in, `Channel.send_frame` on the
way out. Requests are remembered until they are answered, since only the method says what an answer may be:

- a *result* has to fit its method, and the request that got it has to be valid by the schema as well, so
  that the schema is never stricter than the server;
- a request that the schema refuses has to get an *error*, so that it is never laxer, but for what only the
  board can know;
- an *error* has to carry a code that is documented for its method.

Servers in processes of their own are tapped by `child/sitecustomize.py`; they write what they find to files.
Each validator is compiled once, at its first use.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, deque
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

FOLDER_VARIABLE = "RECORDED_FRAMES_FOLDER"
"""Where a server in a process of its own writes what it finds."""

SHOWN_CHARS_MAX = 600


@cache
def document() -> dict[str, Any]:
    """Return the document that frames are held against."""
    from blackboard.wire.asyncapi import asyncapi  # noqa: PLC0415 - tests of pure modules do not pay for it

    return asyncapi()


@cache
def validator(message: str) -> jsonschema_rs.Draft7Validator:
    """Return the compiled validator of one message."""
    messages: dict[str, Any] = document()["components"]["messages"]
    schema = messages[message]["payload"] | {"components": document()["components"]}
    return jsonschema_rs.Draft7Validator(schema)


def fault(message: str, frame: object) -> str | None:
    """Return what is wrong with a frame, if anything."""
    try:
        validator(message).validate(frame)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(str(each) for each in error.instance_path)
        text = json.dumps(frame, ensure_ascii=False)[:SHOWN_CHARS_MAX]
        return f"{message}: {error.message[:SHOWN_CHARS_MAX]} at /{place} in {text}"
    return None


def payload_of(frame: bytes) -> bytes:
    """Return what an unmasked text frame carries."""
    length = frame[1]
    return frame[2 if length < 126 else 4 if length == 126 else 10 :]


class Asked:
    """A request that waits for its answer."""

    def __init__(self, method: str, fault: str | None) -> None:
        self.method = method
        self.fault = fault


class Recorder:
    """What was seen, and what was wrong with it."""

    def __init__(self) -> None:
        self.is_on = True
        self.seen: Counter[str] = Counter()
        self.problems: list[str] = []
        self._asked: dict[object, dict[Any, deque[Asked]]] = {}
        self._last = b""

    def take(self) -> list[str]:
        """Return the problems so far and forget them."""
        problems, self.problems = self.problems, []
        return problems

    def came(self, channel: object, payload: bytes) -> None:
        """A client sent this."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(frame, dict) or not isinstance(frame.get("method"), str) or "id" not in frame:
            return
        method, id_ = frame["method"], frame["id"]
        if method not in document()["operations"] or not isinstance(id_, int | str):
            return
        self.seen[method] += 1
        asked = self._asked.setdefault(channel, {})
        asked.setdefault(id_, deque()).append(Asked(method, fault(method, frame)))

    def went(self, channel: object, frame: bytes) -> None:
        """The server sent this frame; one that goes to many is looked at once."""
        if frame is self._last:
            return
        self._last = frame
        message = orjson.loads(payload_of(frame))
        if "method" in message:
            self._check(message["method"], message)
            return
        waiting = self._asked.get(channel, {}).get(message["id"])
        asked = waiting.popleft() if waiting else None
        if "error" in message:
            self._refused(asked, message)
        elif asked is None:
            self._problem(f"a result that nobody asked for: {message}")
        else:
            self._check(f"{asked.method}.result", message)
            if asked.fault is not None:
                self._problem(f"the server took what its schema refuses: {asked.fault}")

    def left(self, channel: object) -> None:
        """The connection is gone."""
        self._asked.pop(channel, None)

    def _refused(self, asked: Asked | None, message: dict[str, Any]) -> None:
        if asked is None:
            self._check("refusal", message | {"id": None})
        else:
            self._check(f"{asked.method}.error", message)

    def _check(self, name: str, frame: dict[str, Any]) -> None:
        self.seen[name] += 1
        wrong = fault(name, frame)
        if wrong is not None:
            self._problem(wrong)

    def _problem(self, text: str) -> None:
        self.problems.append(text)


class FileRecorder(Recorder):
    """Writes at once what it finds: the process may be killed at any time."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _problem(self, text: str) -> None:
        self._append("problems", text)

    def left(self, channel: object) -> None:
        """Note how many frames were seen so far."""
        super().left(channel)
        self._append("seen", str(self.seen.total()))

    def _append(self, name: str, line: str) -> None:
        with (self._folder / f"{os.getpid()}.{name}").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def install(recorder: Recorder) -> None:
    """Tap all servers of this process, from now on."""
    from blackboard.server.session import Session  # noqa: PLC0415 - see is_server_loaded
    from blackboard.server.transport import Channel  # noqa: PLC0415 - see is_server_loaded

    texts, send_frame, connection_lost = Session.texts, Channel.send_frame, Channel.connection_lost

    def tapped_texts(self: Session, payloads: list[bytes]) -> None:
        if recorder.is_on:
            for payload in payloads:
                recorder.came(self.channel, payload)
        texts(self, payloads)

    def tapped_send_frame(self: Channel, frame: bytes) -> None:
        if recorder.is_on and isinstance(self.session, Session):
            recorder.went(self, frame)
        send_frame(self, frame)

    def tapped_connection_lost(self: Channel, exc: Exception | None) -> None:
        connection_lost(self, exc)
        recorder.left(self)

    Session.texts = tapped_texts
    Channel.send_frame = tapped_send_frame
    Channel.connection_lost = tapped_connection_lost


def is_server_loaded() -> bool:
    """Whether a server can run in this process at all; importing one for every test would be slow."""
    return "blackboard.server.session" in sys.modules

"""The command language of the transcripts: one line of text to requests of the engine.

    open [paused] [goal="…"] [completion=goal:Cause:0.5,quiescent] [parallelism=1] [minimum=0.5] [levels=a,b]
    type Cause [level=cause] [fields=service,at:number] [required=…] [identity=service] [merge=at:newest]
               [belief=claimed] [background] [ttl=1000]
    source corr when spike:Spike(/ratio >= 3, confidence >= 0.6) deploy:Deploy(/service == spike./service)
                absent c:Cause(/service == deploy./service) [rating=0.8] [since=now] [attempts=2] …
    attach w1 corr,judge [credits=2]              detach w1            disable corr
    post Cause {"service":"pay"} [0.9] [because=1,2] [links=refutes:3:0.5] [under=1 token=2] [keep] [ttl=…]
    revise 1 v1 {…}|- [0.5]    link 1 refutes 2 [0.8]    judge 1 reject    retract 1 [reason="…"]
    batch post … ; link -1 supports 2             complete 1 1 [post … ; …]
    decline 1 1   fail 1 1 "why" [final]   expire 1 1 [unaccepted]   cancel 1   retry 1
    pause   resume   end   settings completion=…

Every command takes `by=NAME` (default: the person `ann`; names of the form `w1` are agents connected under
that name, `bot…` agents without a lease) and `id=KEY`. `A || B` puts two requests into one turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from blackboard.core import commands as cm
from blackboard.core.completion import AllOf, Completion, Deadline, Goal, Quiescent, Settings, Spent
from blackboard.core.condition import OPERATORS, AnyOf, Compare, Condition, Field, Not
from blackboard.core.entry_type import EntryType
from blackboard.core.fact import from_data, to_data
from blackboard.core.source import SourceDeclaration
from blackboard.core.trigger import Pattern, Trigger

__all__ = ["parse_request", "parse_trigger", "parse_turn"]


def split(text: str, *, at: str = " ") -> list[str]:
    """Split at a separator, but not inside quotes or brackets."""
    parts: list[str] = []
    depth, quoted, start = 0, False, 0
    index = 0
    while index < len(text):
        char = text[index]
        if char == "\\" and quoted:
            index += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "([{":
            depth += 1
        elif not quoted and char in ")]}":
            depth -= 1
        elif not quoted and depth == 0 and text.startswith(at, index):
            parts.append(text[start:index].strip())
            index += len(at) - 1
            start = index + 1
        index += 1
    assert depth == 0, f"unbalanced brackets in {text!r}"
    parts.append(text[start:].strip())
    return [part for part in parts if part]


class Words:
    """The words of one command: positional ones in order, `key=value` options, bare flags."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.options: dict[str, str] = {}
        self.rest: list[str] = []
        for word in split(text):
            option = re.fullmatch(r"([a-z_]+)=(.*)", word, re.DOTALL)
            if option is None:
                self.rest.append(word)
            else:
                self.options[option[1]] = option[2]

    def take(self) -> str:
        assert self.rest, f"too few words in {self.text!r}"
        return self.rest.pop(0)

    def more(self) -> bool:
        return bool(self.rest)

    def flag(self, name: str) -> bool:
        if name not in self.rest:
            return False
        self.rest.remove(name)
        return True

    def text_of(self, name: str, default: str = "") -> str:
        return _text(self.options.pop(name, default))

    def int_of(self, name: str, default: int) -> int:
        return int(self.options.pop(name, default))

    def list_of(self, name: str) -> tuple[str, ...]:
        value = self.options.pop(name, "")
        return tuple(value.split(",")) if value else ()

    def done(self) -> None:
        assert not self.rest, f"unknown words {self.rest} in {self.text!r}"
        assert not self.options, f"unknown options {self.options} in {self.text!r}"


def _text(word: str) -> str:
    return json.loads(word) if word.startswith('"') else word


# Requests


def parse_turn(line: str) -> list[cm.Request]:
    """Read all requests of one turn."""
    return [parse_request(part) for part in split(line, at="||")]


def parse_request(line: str) -> cm.Request:
    """Read one request."""
    verb, _, rest = line.partition(" ")
    if verb in {"batch", "complete"}:
        command, words = _COMPOUND[verb](rest)
    else:
        words = Words(rest)
        by, key = words.options.pop("by", None), words.options.pop("id", None)
        command = _COMMANDS[verb](words)
        words.options |= {name: value for name, value in (("by", by), ("id", key)) if value is not None}
    principal = _principal(words.options.pop("by", _BY_DEFAULT.get(verb, "ann")))
    command_id = words.options.pop("id", None)
    words.done()
    return cm.Request(principal=principal, command=command, command_id=command_id)


_BY_DEFAULT = {"complete": "w1", "decline": "w1", "fail": "w1", "expire": "system"}


def _principal(name: str) -> cm.Principal:
    if name == "system":
        return cm.Principal(name="system", kind="system")
    if re.fullmatch(r"w\d+", name):
        return cm.Principal(name="agents", kind="agent", agent=name)
    if name.startswith("bot"):
        return cm.Principal(name=name, kind="agent")
    return cm.Principal(name=name)


def _settings(words: Words) -> Settings:
    answer = words.options.pop("answer", None)
    return Settings(
        completion=tuple(_completion(each) for each in words.list_of("completion")),
        levels=words.list_of("levels"),
        answer=None if answer is None else Pattern(variable="answer", type=answer),
        parallelism=words.int_of("parallelism", 0),
        minimum_rating=float(words.options.pop("minimum", 0.0)),
        weights=json.loads(words.options.pop("weights", "{}")),
        strategy=words.text_of("strategy", "best_first"),
        grace_ms=words.int_of("grace", 2_000),
    )


def _completion(text: str) -> Completion:
    if "+" in text:
        return AllOf(conditions=tuple(_completion(each) for each in text.split("+")))
    kind, *arguments = text.split(":")
    match kind:
        case "goal":
            belief = float(arguments[1]) if len(arguments) > 1 else 0.0
            return Goal(pattern=Pattern(variable="goal", type=arguments[0], min_belief=belief))
        case "quiescent":
            return Quiescent()
        case "deadline":
            return Deadline(after_ms=int(arguments[0]))
        case "spent":
            return Spent(activations=int(arguments[0]))
        case _:
            raise AssertionError(f"unknown completion {text!r}")


def _open(words: Words) -> cm.Command:
    return cm.OpenBoard(
        board=words.text_of("board", "b"),
        goal=words.text_of("goal"),
        paused=words.flag("paused"),
        settings=_settings(words),
    )


def _type(words: Words) -> cm.Command:
    name = words.take()
    fields = words.list_of("fields")
    pairs = [field.partition(":") for field in fields]
    schema = {
        "type": "object",
        "properties": {field: {"type": kind} if kind else {} for field, _, kind in pairs},
        "required": list(words.list_of("required")),
        "additionalProperties": False,
    }
    ttl = words.options.pop("ttl", None)
    data = {
        "name": name,
        "level": words.text_of("level", "signal"),
        "schema": schema,
        "identity": list(words.list_of("identity")),
        "merge": dict(each.split(":") for each in words.list_of("merge")),
        "belief": words.text_of("belief", "noisy_or"),
        "background": words.flag("background"),
        "ttl_ms": None if ttl is None else int(ttl),
    }
    return cm.DefineType(type=from_data(data, EntryType))


def _source(words: Words) -> cm.Command:
    name = words.take()
    replace = words.flag("replace")
    numbers = {
        "timeout": "timeout_ms",
        "lease": "lease_ms",
        "accept": "accept_ms",
        "attempts": "attempts_max",
        "backoff": "backoff_ms",
        "concurrency": "concurrency_max",
    }
    data: dict[str, Any] = {
        field: int(words.options.pop(word)) for word, field in numbers.items() if word in words.options
    }
    if "rating" in words.options:
        data["rating"] = float(words.options.pop("rating"))
    if "since" in words.options:
        data["since"] = words.options.pop("since")
    produces = words.list_of("produces")
    assert words.take() == "when", "write: source NAME when PATTERNS"
    rest, words.rest = words.rest, []
    declaration = SourceDeclaration(name=name, trigger=parse_trigger(" ".join(rest)), produces=produces)
    return cm.EnableSource(
        source=from_data({**to_data(declaration), **data}, SourceDeclaration), replace=replace
    )


def _contribution(words: Words, verb: str) -> cm.Contribution:
    under = words.options.pop("under", None)
    token = words.options.pop("token", None)
    lease = {
        "activation": None if under is None else int(under),
        "token": None if token is None else int(token),
    }
    return _CONTRIBUTIONS[verb](words, lease)


def _post(words: Words, lease: dict[str, Any]) -> cm.Contribution:
    ttl = words.options.pop("ttl", None)
    keep = words.flag("keep")
    name, data = words.take(), json.loads(words.take())
    confidence = float(words.take()) if words.more() else 1.0
    return cm.PostEntry(
        type=name,
        data=data,
        confidence=confidence,
        because=tuple(map(int, words.list_of("because"))),
        links=tuple(_new_link(each) for each in words.list_of("links")),
        note=words.text_of("note"),
        ttl_ms=None if ttl is None else int(ttl),
        keep=keep,
        **lease,
    )


def _new_link(text: str) -> cm.NewLink:
    kind, target, *weight = text.split(":")
    return from_data(
        {"kind": kind, "target": int(target), "weight": float(weight[0]) if weight else 1.0}, cm.NewLink
    )


def _revise(words: Words, lease: dict[str, Any]) -> cm.Contribution:
    entry, version, data = int(words.take()), int(words.take().removeprefix("v")), words.take()
    return cm.ReviseEntry(
        entry=entry,
        version=version,
        data=None if data == "-" else json.loads(data),
        confidence=float(words.take()) if words.more() else None,
        because=tuple(map(int, words.list_of("because"))),
        note=words.text_of("note"),
        **lease,
    )


def _link(words: Words, lease: dict[str, Any]) -> cm.Contribution:
    source, kind, target = int(words.take()), words.take(), int(words.take())
    data = {
        "kind": kind,
        "source": source,
        "target": target,
        "weight": float(words.take()) if words.more() else 1.0,
        "reason": words.text_of("reason"),
        **lease,
    }
    return from_data({"do": "link", **data}, cm.LinkEntries)


def _judge(words: Words, lease: dict[str, Any]) -> cm.Contribution:
    data = {"do": "judge", "entry": int(words.take()), "verdict": words.take(), **lease}
    return from_data({**data, "reason": words.text_of("reason")}, cm.JudgeEntry)


def _retract(words: Words, lease: dict[str, Any]) -> cm.Contribution:
    return cm.RetractEntry(entry=int(words.take()), reason=words.text_of("reason"), **lease)


_CONTRIBUTIONS: dict[str, Callable[[Words, dict[str, Any]], cm.Contribution]] = {
    "post": _post,
    "revise": _revise,
    "link": _link,
    "judge": _judge,
    "retract": _retract,
}


def _contributions(text: str) -> tuple[tuple[cm.Contribution, ...], dict[str, str]]:
    made: list[cm.Contribution] = []
    options: dict[str, str] = {}
    for part in split(text, at=";"):
        verb, _, rest = part.partition(" ")
        words = Words(rest)
        options |= {name: words.options.pop(name) for name in ("by", "id") if name in words.options}
        made.append(_contribution(words, verb))
        words.done()
    return tuple(made), options


def _batch(text: str) -> tuple[cm.Command, Words]:
    contributions, options = _contributions(text)
    words = Words("")
    words.options = options
    return cm.ApplyBatch(contributions=contributions), words


def _complete(text: str) -> tuple[cm.Command, Words]:
    head = re.match(r"(\d+) (\d+)((?: (?:by|id)=\S+)*) ?", text)
    assert head is not None, f"write: complete ACTIVATION TOKEN …, not {text!r}"
    contributions, options = _contributions(text[head.end() :])
    words = Words(head[3])
    words.options |= options
    command = cm.CompleteActivation(activation=int(head[1]), token=int(head[2]), contributions=contributions)
    return command, words


_COMPOUND = {"batch": _batch, "complete": _complete}


def _lease_of(words: Words) -> dict[str, int]:
    return {"activation": int(words.take()), "token": int(words.take())}


_COMMANDS: dict[str, Callable[[Words], cm.Command]] = {
    "open": _open,
    "settings": lambda words: cm.ChangeSettings(settings=_settings(words)),
    "type": _type,
    "source": _source,
    "disable": lambda words: cm.DisableSource(source=words.take()),
    "attach": lambda words: cm.AttachAgent(
        agent=words.take(), sources=tuple(words.take().split(",")), credits=words.int_of("credits", 1)
    ),
    "detach": lambda words: cm.DetachAgent(agent=words.take()),
    "decline": lambda words: cm.DeclineActivation(**_lease_of(words), reason=words.text_of("reason")),
    "fail": lambda words: cm.FailActivation(
        **_lease_of(words), error=_text(words.take()), retryable=not words.flag("final")
    ),
    "expire": lambda words: cm.ExpireLease(**_lease_of(words), accepted=not words.flag("unaccepted")),
    "cancel": lambda words: cm.CancelActivation(activation=int(words.take()), reason=words.text_of("reason")),
    "retry": lambda words: cm.RetryActivation(activation=int(words.take())),
    "pause": lambda words: cm.PauseBoard(reason=words.text_of("reason")),
    "resume": lambda words: cm.ResumeBoard(),
    "end": lambda words: cm.CancelBoard(reason=words.text_of("reason")),
    **{verb: (lambda words, verb=verb: _contribution(words, verb)) for verb in _CONTRIBUTIONS},
}


# Triggers


def parse_trigger(text: str) -> Trigger:
    """Read a trigger: patterns, then groups led by `exists` or `absent`, joined inside by `&`."""
    patterns: list[Pattern] = []
    exists: list[tuple[Pattern, ...]] = []
    absent: list[tuple[Pattern, ...]] = []
    signal = None
    mode = None
    for word in split(text):
        if word in {"exists", "absent"}:
            mode = word
        elif word == "quiescent":
            signal = word
        elif mode is None:
            patterns.append(_pattern(word))
        else:
            group = tuple(_pattern(each) for each in split(word, at="&"))
            (exists if mode == "exists" else absent).append(group)
    return Trigger(patterns=tuple(patterns), exists=tuple(exists), absent=tuple(absent), signal=signal)


def _pattern(text: str) -> Pattern:
    match = re.fullmatch(r"(\w+):(\w+)(?:\((.*)\))?", text, re.DOTALL)
    assert match is not None, f"write a pattern as name:Type(conditions), not {text!r}"
    conditions: list[Condition] = []
    least = {"confidence": 0.0, "belief": 0.0}
    for each in split(match[3] or "", at=","):
        threshold = re.fullmatch(r"(confidence|belief) >= (.*)", each)
        if threshold is not None:
            least[threshold[1]] = float(threshold[2])
        else:
            conditions.append(_condition(each))
    return Pattern(
        variable=match[1],
        type=match[2],
        conditions=tuple(conditions),
        min_confidence=least["confidence"],
        min_belief=least["belief"],
    )


def _condition(text: str) -> Condition:
    alternatives = split(text, at=" or ")
    if len(alternatives) > 1:
        return AnyOf(conditions=tuple(_condition(each) for each in alternatives))
    if text.startswith("not "):
        return Not(condition=_condition(text.removeprefix("not ")))
    path, op, value = text.split(" ", 2)
    assert op in OPERATORS, f"unknown operator {op!r} in {text!r}"
    field = re.fullmatch(r"(\w+)\.(/.*)", value)
    if field is not None:
        return Compare(path=path, op=op, field=Field(variable=field[1], path=field[2]))
    return Compare(path=path, op=op, value=json.loads(value))

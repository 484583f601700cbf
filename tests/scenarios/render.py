"""How a transcript shows what the engine decided: one stable line per fact.

`#3` is an entry, `#3@1` an entry at a version of its data, `a2` an activation, `t5` a token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blackboard.core.entry import Entry, Justification, Premise
from blackboard.core.events import EntryPosted, Event, SourceEnabled, TypeDefined
from blackboard.core.fact import to_data
from blackboard.core.ready import Answer, Offer, Ready, Receipt, Withdrawal
from blackboard.core.record import Record
from blackboard.core.trigger import describe
from blackboard.core.values import canonical
from blackboard.engine import Engine

__all__ = ["agenda_lines", "entry_lines", "fraction", "ready_lines"]

_PREFIXES = {"entry": "#", "activation": "a", "token": "t", "version": "v"}
_HIDDEN = {"terms", "logic", "board"}


def fraction(millionths: int) -> str:
    """Show millionths as a short decimal."""
    return f"{millionths / 1_000_000:.6f}".rstrip("0").rstrip(".")


def ready_lines(ready: Ready) -> Iterator[str]:
    """Show answers, events, offers, withdrawals and beliefs of one turn."""
    for answer in ready.answers:
        yield _answer(answer)
    for record in ready.records:
        yield _record(record)
    for withdrawal in ready.withdrawals:
        yield _withdrawal(withdrawal)
    for offer in ready.offers:
        yield _offer(offer)
    if ready.beliefs:
        yield "belief " + " ".join(f"#{entry}={fraction(n)}" for entry, n in sorted(ready.beliefs.items()))


def _answer(answer: Answer) -> str:
    if isinstance(answer, Receipt):
        entries = "".join(f" #{entry}" for entry in answer.entries)
        return f"ok r{answer.revision}{entries}{' (repeated)' if answer.repeated else ''}"
    return f"refused {answer.code}: {answer.message}"


def _record(record: Record) -> str:
    name, words = _event(record.event)
    return " ".join([f"{record.revision}", name, *words])


def _event(event: Event) -> tuple[str, list[str]]:
    data: dict[str, Any] = to_data(event)
    name = data.pop("event")
    match event:
        case TypeDefined(type=definition):
            return name, [definition.name, f"level={definition.level}"]
        case SourceEnabled(source=source):
            return name, [source.name, "when", describe(source.trigger)]
        case EntryPosted():
            head = [f"#{data.pop('entry')}", data.pop("type"), _json(data.pop("data"))]
            return name, [*head, *_words(data)]
        case _:
            return name, _words(data)


def _words(data: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in data.items():
        if name in _HIDDEN or value in ({}, ""):
            continue
        if name in _PREFIXES:
            words.append(f"{_PREFIXES[name]}{value}")
        elif name == "author":
            words.append(f"by={value}")
        elif name == "premises":
            words.append("on " + ",".join(f"#{entry}@{version}" for entry, version in value))
        else:
            words.append(f"{name}={value if _is_plain(value) else _json(value)}")
    return words


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and " " not in value


def _json(value: object) -> str:
    return canonical(value).decode()


def _withdrawal(withdrawal: Withdrawal) -> str:
    return (
        f"withdraw a{withdrawal.activation} t{withdrawal.token} from {withdrawal.agent}: {withdrawal.reason}"
    )


def _offer(offer: Offer) -> str:
    pairs = zip(offer.variables, offer.entries, strict=True)
    bound = " ".join(f"{variable}=#{entry.id}" for variable, entry in pairs)
    lease = f"a{offer.activation} t{offer.token} to {offer.agent}"
    return f"offer {lease}: {offer.source}({bound}) attempt {offer.attempt}"


def entry_lines(engine: Engine) -> Iterator[str]:
    """Show every entry as it stands."""
    for entry in engine.board.entries.values():
        yield _entry(entry)
        for link in engine.board.links_out.get(entry.id, {}).values():
            weight = "" if link.weight == 1_000_000 else f" weight={fraction(link.weight)}"
            yield f"   {link.kind} #{link.target}{weight} by={link.author}"


def _entry(entry: Entry) -> str:
    content = f"#{entry.id}@{entry.version} {entry.type} {_json(entry.data)} {entry.status}"
    reasons = "; ".join(map(_reason, entry.justifications))
    return f"{content} belief={fraction(entry.belief)} [{reasons}]"


def _reason(reason: Justification) -> str:
    withdrawn = " withdrawn" if reason.withdrawn else ""
    return f"{reason.author} {fraction(reason.confidence)}{_premises(reason.premises)}{withdrawn}"


def _premises(premises: tuple[Premise, ...]) -> str:
    return " on " + ",".join(f"#{each.entry}@{each.version}" for each in premises) if premises else ""


def agenda_lines(engine: Engine, now_ms: int) -> Iterator[str]:
    """Show every activation, with what it waits for."""
    for each in engine.control.agenda.activations.values():
        bound = ",".join(f"#{premise.entry}@{premise.version}" for premise in each.bindings)
        waits = engine.control.waits_for(each, now_ms=now_ms)
        reason = waits or each.reason
        lease = "" if each.lease is None else f" t{each.lease.token} {each.lease.agent}"
        rating = f" rating={fraction(each.rating)}" if each.state == "executable" else ""
        why = f": {reason}" if reason else ""
        yield f"a{each.id} {each.source}({bound}) {each.state}{rating}{lease}{why}"

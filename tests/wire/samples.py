"""Valid params of every method, for tests that need some; one with the least and one with all fields."""

from typing import Any

TYPE = {"name": "Cause", "level": "cause", "schema": {"type": "object"}, "identity": [], "belief": "claimed"}
SETTINGS = {
    "completion": [{"is": "goal", "pattern": {"variable": "c", "type": "Cause", "min_belief": 0.8}}],
    "levels": ["signal", "cause"],
    "parallelism": 2,
    "weights": {"priority": 3},
}
SOURCE = {
    "name": "blame",
    "trigger": {
        "patterns": [
            {
                "variable": "spike",
                "type": "Spike",
                "conditions": [
                    {"is": "compare", "path": "/ratio", "op": ">=", "value": 3},
                    {
                        "is": "not",
                        "condition": {"is": "compare", "path": "/at", "op": "==", "value": None},
                    },
                ],
            }
        ],
        "absent": [[{"variable": "cause", "type": "Cause"}]],
    },
    "produces": ["Cause"],
    "types": [TYPE],
}
LINK = {"kind": "supports", "target": 2, "weight": 0.5, "reason": "same service"}
LEASE = {"activation": 4, "token": 9}
BOARD = {"board": "main"}
ONCE = {**BOARD, "command_id": "c-1"}
POST = {"type": "Cause", "data": {"service": "pay"}}
FULL_POST = {
    **POST,
    "confidence": 0.5,
    "because": [1, 2],
    "links": [LINK],
    "note": "why",
    "ttl_ms": 1_000,
    "keep": True,
    **LEASE,
}
CONTRIBUTIONS = [
    {"do": "post", **FULL_POST},
    {"do": "revise", "entry": -1, "version": 1, "confidence": 1},
    {"do": "link", "kind": "refutes", "source": -1, "target": 3},
    {"do": "judge", "entry": 3, "verdict": "reject"},
    {"do": "retract", "entry": 3, "reason": "wrong"},
]

SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "session.hello": (
        {"protocol": 1, "client": "test/1"},
        {"protocol": 1, "client": "test/1", "token": "secret", "agent": "a1"},
    ),
    "session.ping": ({}, {}),
    "board.open": (
        BOARD,
        {**ONCE, "goal": "find it", "settings": SETTINGS, "types": [TYPE], "paused": True, "exist_ok": True},
    ),
    "board.list": ({}, {}),
    "board.get": (BOARD, BOARD),
    "board.pause": (BOARD, {**ONCE, "reason": "lunch"}),
    "board.resume": (BOARD, ONCE),
    "board.cancel": (BOARD, {**ONCE, "reason": "enough"}),
    "board.configure": ({**BOARD, "settings": {}}, {**ONCE, "settings": SETTINGS}),
    "board.watch": (BOARD, {**BOARD, "after": 0, "types": ["Cause"]}),
    "board.unwatch": ({"subscription": 1}, {"subscription": 1}),
    "board.log": (BOARD, {**BOARD, "after": 0, "limit": 10}),
    "board.hash": (BOARD, BOARD),
    "type.define": ({**BOARD, "type": TYPE}, {**ONCE, "type": TYPE}),
    "type.list": (BOARD, BOARD),
    "entry.post": ({**BOARD, **POST}, {**ONCE, **FULL_POST}),
    "entry.revise": (
        {**BOARD, "entry": 1, "version": 1},
        {
            **ONCE,
            "entry": 1,
            "version": 1,
            "data": {"a": 1},
            "confidence": 0.1,
            "because": [2],
            "note": "x",
            **LEASE,
        },
    ),
    "entry.link": (
        {**BOARD, "kind": "refutes", "source": 1, "target": 2},
        {**ONCE, "kind": "refutes", "source": 1, "target": 2, "weight": 1, "reason": "x", **LEASE},
    ),
    "entry.judge": (
        {**BOARD, "entry": 1, "verdict": "accept"},
        {**ONCE, "entry": 1, "verdict": "accept", "reason": "x", **LEASE},
    ),
    "entry.retract": ({**BOARD, "entry": 1}, {**ONCE, "entry": 1, "reason": "x", **LEASE}),
    "entry.batch": ({**BOARD, "contributions": []}, {**ONCE, "contributions": CONTRIBUTIONS}),
    "entry.get": ({**BOARD, "entry": 1}, {**BOARD, "entry": 1}),
    "entry.list": (
        BOARD,
        {**BOARD, "type": "Cause", "level": "cause", "live": True, "after": 3, "limit": 10},
    ),
    "entry.why": ({**BOARD, "entry": 1}, {**BOARD, "entry": 1, "depth": 2}),
    "source.register": (
        {"source": {"name": "blame", "trigger": {"signal": "quiescent"}}},
        {"source": SOURCE, "boards": ["main"], "replace": True, "credits": 4},
    ),
    "source.unregister": ({"source": "blame"}, {"source": "blame"}),
    "source.list": ({}, BOARD),
    "agent.credits": ({"credits": 0}, {"credits": 5}),
    "agent.list": ({}, {}),
    "activation.accept": ({**BOARD, **LEASE}, {**BOARD, **LEASE}),
    "activation.renew": ({**BOARD, **LEASE}, {**BOARD, **LEASE}),
    "activation.complete": ({**BOARD, **LEASE}, {**ONCE, **LEASE, "contributions": CONTRIBUTIONS}),
    "activation.decline": ({**BOARD, **LEASE}, {**ONCE, **LEASE, "reason": "not mine"}),
    "activation.fail": (
        {**BOARD, **LEASE, "error": "boom"},
        {**ONCE, **LEASE, "error": "boom", "retryable": False},
    ),
    "activation.cancel": ({**BOARD, "activation": 4}, {**ONCE, "activation": 4, "reason": "x"}),
    "activation.retry": ({**BOARD, "activation": 4}, {**ONCE, "activation": 4}),
    "agenda.list": (BOARD, {**BOARD, "state": "executable", "limit": 5}),
    "token.issue": (
        {"name": "worker", "kind": "agent"},
        {"name": "worker", "kind": "agent", "scopes": ["board:main"]},
    ),
}

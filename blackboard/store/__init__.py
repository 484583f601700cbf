"""Where the logs of all boards are kept: the contract, and the stores that fulfil it."""

from __future__ import annotations

from blackboard.store.contract import Durability, Head, Store, StoreConflict, StoreState, StoreStatistics
from blackboard.store.limits import DEFAULT_STORE_LIMITS, StoreLimits
from blackboard.store.memory import MemoryStore
from blackboard.store.sqlite import SqliteStore

__all__ = [
    "DEFAULT_STORE_LIMITS",
    "Durability",
    "Head",
    "MemoryStore",
    "SqliteStore",
    "Store",
    "StoreConflict",
    "StoreLimits",
    "StoreState",
    "StoreStatistics",
]

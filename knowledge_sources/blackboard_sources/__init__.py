"""Knowledge sources: agents and their runner, the worker process, and the built-in sources."""

from __future__ import annotations

from blackboard_sources.agent import Agent, connect
from blackboard_sources.loading import load_file, load_module, sources_in

__all__ = ["Agent", "connect", "load_file", "load_module", "sources_in"]

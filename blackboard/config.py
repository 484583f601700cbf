"""The settings of a server: flag, then `BLACKBOARD_*`, then `blackboard.toml`, then default.

`resolve` returns the settings together with the origin of each value, so that `blackboard config` can show
where it came from. In the environment and in the file the names are those of `Config`'s fields
(`BLACKBOARD_DATA_DIR`, `data_dir = "…"`); limits go by `limits.<name>` in the file's table `[limits]` and by
`BLACKBOARD_LIMITS_<NAME>` in the environment, and the settings of worker processes likewise by `[workers]`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from blackboard.core.errors import BlackboardError
from blackboard.core.limits import DEFAULT_LIMITS, Limits
from blackboard.core.values import is_object

__all__ = ["FILE_NAME", "AgentSettings", "Config", "Durability", "Resolved", "WorkerSettings", "resolve"]

Durability: TypeAlias = Literal["full", "relaxed", "memory"]
"""`full`: on disk before it is acknowledged; `relaxed`: survives a crash of the server, not of the machine;
`memory`: kept nowhere."""

FILE_NAME: Final = "blackboard.toml"


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the worker processes of plugins are run. A bound of 0 is none.

    Args:
        memory_mib_max: Most private memory of one worker, in MiB; beyond it an allocation fails.
        open_files_max: Most open files of one worker, sockets included.
        niceness: How far workers step back when others want the processor, 0 to 19.
        reload: Whether files that appear, change or disappear while serving are heeded.
        entry_points: Whether modules are run that installed packages name in `blackboard.knowledge_sources`.
    """

    memory_mib_max: int = 2_048
    open_files_max: int = 1_024
    niceness: int = 5
    reload: bool = True
    entry_points: bool = True


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that the server runs as an agent: `[agents.NAME]`.

    Args:
        command: Its command line; `{url}`, `{token_file}` and `{agent}` are filled in.
        environment: What it sees beside what every worker does.
        instances_min: How many run at least.
        instances_max: How many run at most, when work waits.
        directory: Where it runs; empty for where the server does.
    """

    command: tuple[str, ...]
    environment: dict[str, str] = {}
    instances_min: int = 1
    instances_max: int = 1
    directory: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one server is run.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        data_dir: Folder of the database and the local token.
        ephemeral: Keep nothing on disk but the token; the same as `durability="memory"`.
        durability: What an acknowledgement promises.
        sources_dir: Folder of plugin files, each run as one process; empty runs none.
        default_board: Board that is always there and never ends by itself; empty for none.
        hosts: Further host names under which this server is reached, for the check of `Host` and `Origin`.
        limits: Bounds of every queue, message and cascade.
        workers: How the processes of plugins are run.
        agents: Programs that the server runs as agents, by name; from the file alone.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    data_dir: str = ".blackboard"
    ephemeral: bool = False
    durability: Durability = "full"
    sources_dir: str = "knowledge_sources"
    default_board: str = "default"
    hosts: tuple[str, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    workers: WorkerSettings = WorkerSettings()
    agents: dict[str, AgentSettings] = {}

    @property
    def is_ephemeral(self) -> bool:
        """Whether nothing of the boards is kept."""
        return self.ephemeral or self.durability == "memory"

    @property
    def data_path(self) -> Path:
        """The data folder as a path."""
        return Path(self.data_dir)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, and per name where the value came from: `flag --port`, a variable, a file, `default`."""

    config: Config
    origins: Mapping[str, str] = field(default_factory=dict[str, str])


def resolve(
    flags: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str],
    directory: Path,
) -> Resolved:
    """Find every setting's value.

    Args:
        flags: Values given on the command line by field name; `None` values count as not given.
        environ: The environment.
        directory: Where `blackboard.toml` is looked for.

    Raises:
        BlackboardError: `invalid_settings`, naming the setting and where it came from.
    """
    values = {name: getattr(Config(), name) for name in _FIELDS}
    tables = {name: msgspec.structs.asdict(values[name]) for name in _TABLES}
    origins = dict.fromkeys((*_PLAIN, *_TABLED), "default")
    layers = (
        _from_file(directory / FILE_NAME),
        _from_environment(environ),
        {name: (value, _flag(name)) for name, value in (flags or {}).items() if value is not None},
    )
    for layer in layers:
        for name, (value, origin) in layer.items():
            _place(name, value, origin, values, tables)
            origins[name] = origin
    for name, kind in _TABLES.items():
        values[name] = kind(**tables[name])
    return Resolved(config=Config(**values), origins=origins)


_FIELDS: Final = Config.__struct_fields__
_TYPES: Final = {each.name: each.type for each in msgspec.structs.fields(Config)}
_TABLES: Final[dict[str, type[Limits | WorkerSettings]]] = {
    "limits": Limits,
    "workers": WorkerSettings,
}
_PLAIN: Final = tuple(name for name in _FIELDS if name not in _TABLES and name != "agents")
_TABLED: Final = {
    f"{table}.{each.name}": each.type
    for table, kind in _TABLES.items()
    for each in msgspec.structs.fields(kind)
}
"""Settings that stand in a table, and the type of each."""


def _flag(name: str) -> str:
    return f"flag --{name.replace('_', '-')}"


def _from_file(path: Path) -> dict[str, tuple[Any, str]]:
    if not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BlackboardError("invalid_settings", f"{path} cannot be read: {error}") from error
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if name not in _TABLES and name != "agents":
            flat[name] = value
        elif is_object(value):
            flat |= {f"{name}.{each}": inner for each, inner in value.items()}
        else:
            raise BlackboardError("invalid_settings", f"{path}: {name} must be a table, [{name}]")
    return {name: (value, str(path)) for name, value in flat.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    known = {f"BLACKBOARD_{name.replace('.', '_').upper()}": name for name in (*_PLAIN, *_TABLED)}
    return {
        name: (
            tuple(filter(None, environ[variable].split(","))) if name == "hosts" else environ[variable],
            variable,
        )
        for variable, name in known.items()
        if variable in environ
    }


def _place(
    name: str, value: Any, origin: str, values: dict[str, Any], tables: dict[str, dict[str, Any]]
) -> None:
    table, _, field_ = name.partition(".")
    if name in _TABLED:
        converted = _convert(name, value, _TABLED[name], origin)
        least = 1 if table == "limits" else 0
        if converted < least:
            raise BlackboardError(
                "invalid_settings", f"{origin}: {name} is {value!r}; expected {least} or more"
            )
        tables[table][field_] = converted
    elif table == "agents" and field_:
        values["agents"] = values["agents"] | {field_: _agent(name, value, origin)}
    elif name in _PLAIN:
        values[name] = _convert(name, value, _TYPES[name], origin)
    else:
        known = ", ".join((*_PLAIN, *(f"{each}.*" for each in (*_TABLES, "agents"))))
        raise BlackboardError("invalid_settings", f"{origin}: no setting {name!r}; there are {known}")


def _agent(name: str, value: Any, origin: str) -> AgentSettings:
    try:
        found = msgspec.convert(value, AgentSettings)
    except msgspec.ValidationError as error:
        raise BlackboardError("invalid_settings", f"{origin}: {name}: {error}") from error
    if not found.command:
        raise BlackboardError("invalid_settings", f'{origin}: {name}: expected command = ["program", …]')
    if not 1 <= found.instances_min <= found.instances_max:
        said = f"instances_min is {found.instances_min}, instances_max is {found.instances_max}"
        raise BlackboardError("invalid_settings", f"{origin}: {name}: {said}; expected 1 <= min <= max")
    return found


def _convert(name: str, value: Any, kind: Any, origin: str) -> Any:
    try:
        converted = msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        expected = " or ".join(map(repr, get_args(kind))) or getattr(kind, "__name__", str(kind))
        raise BlackboardError(
            "invalid_settings", f"{origin}: {name} is {value!r}; expected {expected}"
        ) from error
    if name == "port" and not 0 <= converted <= _PORT_MAX:
        raise BlackboardError("invalid_settings", f"{origin}: port is {value!r}; expected 0 to {_PORT_MAX}")
    return converted


_PORT_MAX: Final = 65_535

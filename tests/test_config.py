"""Settings come from flag, environment, file and default, in this order."""

from pathlib import Path

import pytest

from blackboard.config import FILE_NAME, AgentSettings, Config, WorkerSettings, resolve
from blackboard.core.errors import BlackboardError


def test_defaults_are_used_where_nothing_is_said(tmp_path: Path):
    """Without flags, variables and file every value is the default, and says so."""
    resolved = resolve(environ={}, directory=tmp_path)
    assert resolved.config == Config()
    assert set(resolved.origins.values()) == {"default"}


def test_a_flag_beats_a_variable_beats_the_file(tmp_path: Path):
    """Each value names the layer that won."""
    (tmp_path / FILE_NAME).write_text('port = 1\nhost = "file"\ndurability = "relaxed"\n')
    environ = {"BLACKBOARD_PORT": "2", "BLACKBOARD_HOST": "variable"}
    resolved = resolve({"port": 3, "host": None}, environ=environ, directory=tmp_path)
    config, origins = resolved.config, resolved.origins
    assert (config.port, config.host, config.durability) == (3, "variable", "relaxed")
    assert origins["port"] == "flag --port"
    assert origins["host"] == "BLACKBOARD_HOST"
    assert origins["durability"] == str(tmp_path / FILE_NAME)
    assert origins["data_dir"] == "default"


def test_limits_are_set_one_by_one(tmp_path: Path):
    """A limit given in the file or the environment leaves the others at their default."""
    (tmp_path / FILE_NAME).write_text("[limits]\nconnections_max = 5\n")
    environ = {"BLACKBOARD_LIMITS_STOP_DEADLINE_MS": "100"}
    limits = resolve(environ=environ, directory=tmp_path).config.limits
    assert (limits.connections_max, limits.stop_deadline_ms, limits.credits_max) == (5, 100, 1_000)


def test_values_of_variables_are_read_by_the_type_of_the_setting(tmp_path: Path):
    """Text from the environment becomes a flag or a list where the setting is one."""
    environ = {"BLACKBOARD_EPHEMERAL": "true", "BLACKBOARD_HOSTS": "a.example,b.example"}
    config = resolve(environ=environ, directory=tmp_path).config
    assert config.is_ephemeral
    assert config.hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("file", "environ", "said"),
    [
        ("prot = 1", {}, "no setting 'prot'; there are host, port"),
        ("", {"BLACKBOARD_PORT": "many"}, "BLACKBOARD_PORT: port is 'many'; expected int"),
        ("port = 70000", {}, "port is 70000; expected 0 to 65535"),
        ('durability = "some"', {}, "durability is 'some'; expected 'full' or 'relaxed' or 'memory'"),
        ("limits = 3", {}, "limits must be a table"),
        ("[limits]\nboards_max = 0", {}, "limits.boards_max is 0; expected 1 or more"),
        ("[limits]\nboard_max = 1", {}, "no setting 'limits.board_max'"),
        ("[workers]\nniceness = -1", {}, "workers.niceness is -1; expected 0 or more"),
        ("[workers]\nreload = 1", {}, "workers.reload is 1; expected bool"),
        ("workers = 3", {}, "workers must be a table, [workers]"),
        ("port = ", {}, "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_its_origin(
    tmp_path: Path, file: str, environ: dict[str, str], said: str
):
    """The refusal says where the value stands, what came and what was expected."""
    (tmp_path / FILE_NAME).write_text(file)
    with pytest.raises(BlackboardError) as caught:
        resolve(environ=environ, directory=tmp_path)
    assert caught.value.code == "invalid_settings"
    assert said in caught.value.message


def test_bounds_of_workers_stand_in_a_table_of_their_own(tmp_path: Path):
    """Switches are switches there, and a bound of 0 is none."""
    (tmp_path / FILE_NAME).write_text("[workers]\nmemory_mib_max = 0\nentry_points = false\n")
    environ = {"BLACKBOARD_WORKERS_NICENESS": "7", "BLACKBOARD_WORKERS_RELOAD": "false"}
    resolved = resolve(environ=environ, directory=tmp_path)
    expected = WorkerSettings(memory_mib_max=0, entry_points=False, niceness=7, reload=False)
    assert resolved.config.workers == expected
    assert resolved.origins["workers.niceness"] == "BLACKBOARD_WORKERS_NICENESS"
    assert resolved.origins["workers.open_files_max"] == "default"


def test_agents_stand_in_tables_of_their_own(tmp_path: Path):
    """What is left out is the default."""
    table = '[agents.writer]\ncommand = ["node", "writer.mjs"]\ninstances_max = 4\n'
    (tmp_path / FILE_NAME).write_text(table)
    resolved = resolve(environ={}, directory=tmp_path)
    expected = AgentSettings(command=("node", "writer.mjs"), instances_max=4)
    assert resolved.config.agents == {"writer": expected}
    assert resolved.origins["agents.writer"] == str(tmp_path / FILE_NAME)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "agents.a: Object missing required field `command`"),
        ("command = []", 'agents.a: expected command = ["program", …]'),
        ('command = "x"', "agents.a: Expected `array`, got `str`"),
        ('command = ["x"]\ninstances_min = 3', "instances_min is 3, instances_max is 1; expected 1 <= min"),
        (
            'command = ["x"]\ninstances_min = 0',
            "instances_min is 0, instances_max is 1; expected 1 <= min <= max",
        ),
        ('command = ["x"]\ncolour = "red"', "unknown field `colour`"),
    ],
)
def test_a_wrong_agent_is_named_with_its_file(tmp_path: Path, table: str, said: str):
    """The refusal says which table, and what was expected."""
    (tmp_path / FILE_NAME).write_text(f"[agents.a]\n{table}\n")
    with pytest.raises(BlackboardError) as caught:
        resolve(environ={}, directory=tmp_path)
    assert caught.value.code == "invalid_settings"
    assert said in caught.value.message

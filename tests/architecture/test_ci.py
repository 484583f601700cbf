"""What CI runs judges as it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CI / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("skipped", "code"),
    [
        ("", 0),
        ('<skipped type="pytest.skip" message="incident data set absent: data/petshop" />', 0),
        ('<skipped type="pytest.skip" message="too slow" />', 1),
        ('<skipped type="pytest.skip" />', 1),
        ('<skipped type="pytest.xfail" message="incident: known to fail" />', 1),
    ],
)
def test_only_an_absent_data_set_excuses_a_skipped_test(tmp_path: Path, skipped: str, code: int) -> None:
    report = tmp_path / "tests.xml"
    case = f'<testcase classname="tests.test_a" name="test_b">{skipped}</testcase>'
    report.write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    done = run("skips", str(report))
    assert done.returncode == code, done.stdout
    assert ("tests.test_a::test_b was skipped" in done.stderr) is (code == 1)


def test_check_refuses_a_step_that_it_does_not_know() -> None:
    done = run("check", "lnit")
    assert done.returncode == 2
    assert done.stderr == "error: no step 'lnit'; there are lint, types, imports, tests\n"


def test_check_runs_a_step_and_sums_up() -> None:
    done = run("check", "imports")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("ok     lint-imports")
    assert done.stdout.endswith("all 1 checks passed\n")


def test_run_is_sound_bash() -> None:
    done = subprocess.run(["bash", "-n", str(CI / "run")], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (CI / "run").stat().st_mode & 0o111 == 0o111

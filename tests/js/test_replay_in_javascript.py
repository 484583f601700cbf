"""The golden transcripts are replayed by another program, on the word of docs/clients.md."""

import json
from pathlib import Path

import pytest
from node import ROOT, script

from tests.server.talk import serving

REPLAY = Path(__file__).with_name("replay.mjs")
TRANSCRIPTS = sorted((ROOT / "tests" / "golden").glob("*.ndjson"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_transcript_holds(path: Path, tmp_path: Path):
    async with (
        serving(tmp_path, ephemeral=True) as server,
        script(REPLAY, str(path), url=server.url, token=server.token) as running,
    ):
        await running.passes()


async def test_a_departure_is_noticed(tmp_path: Path):
    """The last line expects another answer than the one that comes."""
    lines = (ROOT / "tests/golden/hello.ndjson").read_text(encoding="utf-8").splitlines()
    wrong = json.loads(lines[-1])
    wrong["receive"]["result"] = {"more": 1}
    path = tmp_path / "changed.ndjson"
    path.write_text("\n".join([*lines[:-1], json.dumps(wrong)]), encoding="utf-8")
    async with (
        serving(tmp_path, ephemeral=True) as server,
        script(REPLAY, str(path), url=server.url, token=server.token) as running,
    ):
        said = await running.rest()
    assert running.process.returncode == 1
    assert f'changed.ndjson:{len(lines)}: /result: {{}}, expected {{"more":1}}' in said

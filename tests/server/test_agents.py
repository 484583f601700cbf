"""Sources and agents reach the boards that they should, and no others."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from blackboard.core.errors import BlackboardError
from blackboard.core.record import Commit
from blackboard.store import MemoryStore
from tests.server.talk import WORD, Talk, serving, source, talking
from tests.server.test_crash import Moody

FULL = BlackboardError("storage_full", "no space left on the disk")


async def enabled(talk: Talk, board: str) -> list[str]:
    return (await talk.call("board.get", board=board))["sources"]


async def attached(talk: Talk, board: str) -> list[str]:
    rows = (await talk.call("source.list", board=board))["sources"]
    return [agent for row in rows for agent in row["agents"]]


async def test_a_source_for_named_boards_acts_only_there(tmp_path: Path):
    """Also on a board of that name that is opened later."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server, agent="w") as talk:
        await talk.call("board.open", board="a")
        await talk.call("source.register", source=source(types=[WORD]), boards=["a", "later"])
        await talk.call("board.open", board="later")
        await talk.call("board.open", board="other")
        assert [await enabled(talk, each) for each in ("a", "later", "other", "default")] == [
            ["reader"],
            ["reader"],
            [],
            [],
        ]
        assert [await attached(talk, each) for each in ("a", "later")] == [["w"], ["w"]]
        assert (await talk.call("source.list"))["sources"][0]["boards"] == ["a", "later"]


async def test_another_trigger_under_the_same_name_needs_replace(tmp_path: Path):
    """Then every board has the new one."""
    other = source(trigger={"patterns": [{"variable": "y", "type": "Word"}]})
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        first = await talk.call("source.register", source=source(types=[WORD]))
        assert await talk.code("source.register", source=other) == "source_conflict"
        second = await talk.call("source.register", source=other, replace=True)
        assert second["trigger_hash"] != first["trigger_hash"]
        rows = (await talk.call("source.list", board="default"))["sources"]
        assert [row["trigger_hash"] for row in rows] == [second["trigger_hash"]]


async def test_a_source_that_a_board_refuses_is_told_why(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Its types differ from those that the board knows; on a later board it is noted in the log."""
    changed = WORD | {"level": "another"}
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        await talk.call("board.open", board="b", types=[changed])
        assert await talk.code("source.register", source=source(types=[WORD])) == "type_conflict"
        assert await enabled(talk, "b") == []
        assert await enabled(talk, "default") == ["reader"]
        with caplog.at_level(logging.WARNING):
            await talk.call("board.open", board="c", types=[changed])
            assert await enabled(talk, "c") == []
        assert [record.getMessage() for record in caplog.records] == ["a source cannot act on a board"]
        assert await talk.code("source.register", source=source("bad name", lease_ms=0)) == "invalid_params"


async def test_an_agent_name_belongs_to_its_principal(tmp_path: Path):
    """Nobody else takes over its leases."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server, agent="w") as talk:
        secret = (await talk.call("token.issue", name="bot", kind="agent"))["token"]
        async with talking(server, token=secret) as bot:
            assert bot.hello["agent"] != "w"
            assert await bot.code("session.hello", protocol=1, client="x", agent="w") == "invalid_request"
        with pytest.raises(Exception, match="belongs to another principal"):
            async with talking(server, token=secret, agent="w"):
                pass
        assert await talk.call("session.ping") == {}


async def test_a_scoped_token_registers_for_its_boards_alone(tmp_path: Path):
    """Its source never sees an entry of another board."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        await talk.call("board.open", board="a", types=[WORD])
        await talk.call("board.open", board="b", types=[WORD])
        issued = await talk.call("token.issue", name="bot", kind="agent", scopes=["board:a"])
        async with talking(server, token=issued["token"]) as bot:
            await bot.call("source.register", source=source())
            assert await bot.code("source.register", source=source(), boards=["b"]) == "unknown_board"
            assert [await enabled(talk, each) for each in ("a", "b")] == [["reader"], []]


async def test_an_agent_is_detached_when_its_connection_closes(tmp_path: Path):
    """And attached again when it comes back and says what it works for."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        async with talking(server, agent="w") as agent:
            await agent.call("source.register", source=source(types=[WORD]))
            assert await attached(talk, "default") == ["w"]
        async with asyncio.timeout(5):
            while await attached(talk, "default"):
                await asyncio.sleep(0.01)
        rows = {row["agent"]: row for row in (await talk.call("agent.list"))["agents"]}
        assert (rows["w"]["connected"], rows["w"]["leases"]) == (False, 0)
        async with talking(server, agent="w") as agent:
            await agent.call("source.register", source=source(types=[WORD]))
            await agent.call("agent.credits", credits=7)
            assert await attached(talk, "default") == ["w"]
            await agent.call("source.unregister", source="reader")
            assert await attached(talk, "default") == []


async def test_names_of_absent_agents_are_forgotten_before_new_ones_are_refused(tmp_path: Path):
    """The table is bounded."""
    async with serving(tmp_path, ephemeral=True, agents_per_board_max=2) as server:  # noqa: SIM117
        async with talking(server, agent="one"):
            async with talking(server, agent="two"):
                with pytest.raises(Exception, match="agents are connected already"):
                    async with talking(server, agent="three"):
                        pass
            async with asyncio.timeout(5):
                while len(server._agents) > 1:
                    await asyncio.sleep(0.01)
            async with talking(server, agent="three") as talk:
                names = [row["agent"] for row in (await talk.call("agent.list"))["agents"]]
                assert names == ["one", "three"]


async def test_a_full_disk_delays_a_detachment_and_does_not_lose_it(tmp_path: Path):
    """The agent is gone from the board once there is room."""
    store = Moody()
    async with serving(tmp_path, store=store) as server, talking(server) as talk:
        async with talking(server, agent="w") as agent:
            await agent.call("source.register", source=source(types=[WORD]))
            store.error = FULL
        await asyncio.sleep(0.1)
        assert await attached(talk, "default") == ["w"]
        store.error = None
        async with asyncio.timeout(8):
            while await attached(talk, "default"):
                await asyncio.sleep(0.05)


async def test_a_full_disk_while_opening_leaves_no_board(tmp_path: Path):
    """The name can be opened once there is room."""
    store = Moody()
    async with serving(tmp_path, store=store) as server, talking(server) as talk:
        store.error = FULL
        assert await talk.code("board.open", board="b") == "storage_full"
        assert await talk.code("board.get", board="b") == "unknown_board"
        store.error = None
        async with asyncio.timeout(8):
            while True:
                answer = await talk.send("board.open", board="b")
                if "result" in answer:
                    break
                assert answer["error"]["data"]["code"] == "storage_full"
                await asyncio.sleep(0.05)
        assert (await talk.call("board.get", board="b"))["status"] == "open"


async def test_a_board_whose_log_never_began_can_be_opened(tmp_path: Path):
    """Its name was taken and then the disk was full, or the server died."""

    class Half(MemoryStore):
        """Takes the name of the board, and not its log, while told to."""

        is_full = True

        async def write(self, batch: Sequence[Commit]):
            if self.is_full and any(commit.board == "b" for commit in batch):
                raise FULL
            return await super().write(batch)

    store = Half()
    async with serving(tmp_path, store=store) as server, talking(server) as talk:
        assert await talk.code("board.open", board="b") == "storage_full"
        assert await talk.code("board.get", board="b") == "unknown_board"
        store.is_full = False
        await talk.call("board.open", board="b")
        assert (await talk.call("board.get", board="b"))["revision"] == 1


async def test_whoever_knows_the_former_trigger_works_for_the_source_no_longer(tmp_path: Path):
    """No activation of the new trigger is offered to it; who knows the same trigger stays."""
    other = source(trigger={"patterns": [{"variable": "y", "type": "Word"}]})
    async with (
        serving(tmp_path, ephemeral=True) as server,
        talking(server, agent="old") as old,
        talking(server, agent="new") as new,
        talking(server, agent="newer") as newer,
    ):
        await old.call("source.register", source=source(types=[WORD]), credits=5)
        await new.call("source.register", source=other, replace=True, credits=1)
        await newer.call("source.register", source=other, credits=1)
        assert await attached(new, "default") == ["new", "newer"]
        assert (await new.call("source.list"))["sources"][0]["agents"] == ["new", "newer"]
        for n in range(3):
            await new.call("entry.post", board="default", type="Word", data={"n": n})
        await new.until(lambda: len(new.of("activation.offered")) == 1)
        await newer.until(lambda: len(newer.of("activation.offered")) == 1)
        await old.call("session.ping")
        assert old.of("activation.offered") == []


async def test_the_answer_to_credits_comes_after_the_last_offer(tmp_path: Path):
    """So an agent that asks for none knows when nothing more will come."""
    async with serving(tmp_path) as server, talking(server, agent="w") as agent, talking(server) as talk:
        await agent.call("source.register", source=source(types=[WORD]), credits=1_000)
        posts = [talk.send("entry.post", board="default", type="Word", data={"n": n}) for n in range(300)]
        await agent.until(lambda: len(agent.of("activation.offered")) > 10)
        await agent.call("agent.credits", credits=0)
        offered = len(agent.of("activation.offered"))
        await asyncio.gather(*posts)
        await talk.call("session.ping")
        await agent.call("session.ping")
        assert len(agent.of("activation.offered")) == offered


async def test_a_retired_source_is_disabled_unless_others_work_for_it(tmp_path: Path):
    """It is forgotten for boards to come, and comes back when it is registered again."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server, agent="w") as talk:
        await talk.call("source.register", source=source(types=[WORD]))
        agents = server._agents
        assert not agents.retire("reader", without=[])
        assert agents.retire("reader", without=["w"])
        assert await enabled(talk, "default") == []
        assert (await talk.call("source.list"))["sources"] == []
        assert not agents.retire("reader", without=["w"])
        await talk.call("board.open", board="later")
        assert await enabled(talk, "later") == []
        await talk.call("source.register", source=source(types=[WORD]))
        assert [await enabled(talk, each) for each in ("default", "later")] == [["reader"], ["reader"]]


async def test_an_agent_gets_no_offer_of_a_board_out_of_its_reach(tmp_path: Path):
    """Not when another agent widens the source that it works for, nor under a name that the log remembers."""
    async with serving(tmp_path) as server, talking(server, agent="w") as talk:
        await talk.call("board.open", board="a", types=[WORD])
        secret = (await talk.call("token.issue", name="bot", kind="agent", scopes=["board:a"]))["token"]
        async with talking(server, token=secret, agent="v") as bot:
            await bot.call("source.register", source=source(), credits=5)
            await talk.call("source.register", source=source(), credits=1)
            await talk.call("board.open", board="hidden", types=[WORD])
            assert await attached(talk, "hidden") == ["w"]
            await talk.call("source.register", source=source("both"), boards=["a", "hidden"])
            shown = (await bot.call("source.list"))["sources"]
            assert [each.get("boards") for each in shown] == [None, ["a"]]
        await talk.call("entry.post", board="hidden", type="Word", data={"n": 1})
        await talk.until(lambda: bool(talk.of("activation.offered")))
    async with serving(tmp_path) as server, talking(server, token=secret, agent="w") as bot:
        await bot.call("session.ping")
        assert bot.notices == []


async def test_a_source_does_not_go_by_the_name_of_somebody_else(tmp_path: Path):
    """What it does would be taken for theirs."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        secret = (await talk.call("token.issue", name="bot", kind="agent"))["token"]
        async with talking(server, token=secret) as bot:
            assert await bot.code("source.register", source=source("admin")) == "forbidden"
            await bot.call("source.register", source=source("bot"))
        assert await talk.code("source.register", source=source("bot")) == "forbidden"


async def test_a_refused_opening_leaves_no_board(tmp_path: Path):
    """Whatever is wrong with its types is found before it is opened."""
    async with serving(tmp_path, ephemeral=True, types_per_board_max=2) as server, talking(server) as talk:
        changed = WORD | {"level": "other"}
        many = [WORD | {"name": f"W{n}"} for n in range(3)]
        levels = {"levels": ["other"]}
        assert await talk.code("board.open", board="b", types=[WORD, changed]) == "type_conflict"
        assert await talk.code("board.open", board="b", types=many) == "limit_exceeded"
        assert await talk.code("board.open", board="b", types=[WORD], settings=levels) == "unknown_level"
        assert await talk.code("board.get", board="b") == "unknown_board"


async def test_a_scope_that_would_limit_nothing_is_refused(tmp_path: Path):
    """A slip of the pen must not make a token that reaches everything."""
    async with serving(tmp_path, ephemeral=True) as server, talking(server) as talk:
        for scope in ("boards:a", "board:", "read"):
            params = {"name": "bot", "kind": "agent", "scopes": [scope]}
            assert await talk.code("token.issue", **params) == "invalid_params"

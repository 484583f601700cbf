// A board is opened, filled and read; refusals are typed; a repeat happens once.
import { post } from "../../../blackboard/dashboard/client.js";
import { WORD, assert, code, done, open } from "../harness.mjs";

let outstanding = 0;
let outstandingMax = 0;
class Counting extends WebSocket {
  constructor(address) {
    super(address);
    this.addEventListener("message", () => outstanding--);
  }

  send(text) {
    outstandingMax = Math.max(outstandingMax, ++outstanding);
    super.send(text);
  }
}

const session = await open({ WebSocket: Counting });
assert.equal(session.hello.server, "blackboard");
assert.match(session.agent, /^agent-/);
const board = session.board("b");
assert.equal(await code(board.get()), "unknown_board");
await board.open({ goal: "find it", types: [WORD] });
assert.equal((await board.get()).goal, "find it");
assert.deepEqual((await session.boards()).map((each) => each.board), ["b", "default"]);

const first = await board.post("Word", { n: 1 }, { confidence: 0.9, command_id: "once" });
assert.deepEqual(first.entries, [1]);
assert.equal(first.repeated, false);
assert.equal((await board.post("Word", { n: 1 }, { confidence: 0.9, command_id: "once" })).repeated, true);
assert.equal(await code(board.post("Word", { n: 2 }, { command_id: "once" })), "id_conflict");
assert.equal((await board.post("Word", { n: 1 })).repeated, false);

const batch = await board.batch([
  post("Word", { n: 3 }, { confidence: 0.5 }),
  { do: "link", kind: "supports", source: 1, target: -1, weight: 0.8 },
]);
assert.deepEqual(batch.entries, [3, 1]); // what is posted, and where the link starts
const before = (await board.get()).entries;
assert.equal(await code(board.batch([post("Word", { n: 4 }), post("Word", { n: "four" })])), "schema_violation");
assert.equal((await board.get()).entries, before);

const entry = await board.entry(3);
assert.deepEqual(entry.links_in.map((link) => link.source), [1]);
assert.equal((await board.why(3)).edges.length, 1);
await board.revise(3, 1, { data: { n: 33 } });
assert.equal(await code(board.revise(3, 1, { data: { n: 34 } })), "version_conflict");
await board.link("refutes", 2, 3, { weight: 0.1 });
await board.judge(3, "accept", "seen");
await board.retract(2, "wrong");
assert.deepEqual([(await board.entry(2)).status, (await board.entry(3)).status], ["retracted", "accepted"]);

await board.define({ ...WORD, name: "Other" });
await board.batch(Array.from({ length: 25 }, (_, n) => post("Other", { n })));
const seen = [];
for await (const { data } of board.entries({ type: "Other", limit: 7 })) seen.push(data.n);
assert.deepEqual(seen, Array.from({ length: 25 }, (_, n) => n));

const refusal = await board.post("Missing", {}).catch((error) => error);
assert.equal(refusal.name, "BlackboardError");
assert.equal(refusal.retryable, false);
assert.match(refusal.message, /Missing/);
assert.match(refusal.advice, /type\.define/);
assert.equal(await code(session.call("no.such")), "unknown_method");
assert.equal(await code(board.post("Word", { n: 1, text: "ä".repeat(600_000) })), "limit_exceeded");

const reason = new Error("no more");
assert.equal(await session.call("session.ping", {}, { signal: AbortSignal.abort(reason) }).catch((e) => e), reason);
assert.deepEqual(await session.call("session.ping"), {});

const many = await Promise.all(Array.from({ length: 3000 }, (_, n) => board.post("Word", { n })));
assert.equal(new Set(many.map(({ entries: [id] }) => id)).size, 3000);
assert(outstandingMax <= session.hello.limits.connection_inflight_max, outstandingMax);

await session.close();
assert.equal(await session.closed, null);
assert.equal(await code(board.get()), "connection_lost");
done();

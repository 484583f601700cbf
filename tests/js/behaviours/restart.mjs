// The server is killed while posts, a watch and an activation are under way; nothing is lost, nothing comes twice.
import { post } from "../../../blackboard/dashboard/client.js";
import { READER, WORD, ask, assert, code, done, open, until } from "../harness.mjs";

const states = [];
const session = await open({ agent: "js-4", onstate: (state) => states.push(state) });
const board = session.board("b");
await board.open({ types: [WORD, { ...WORD, name: "Answer" }] });

const seen = [];
const watching = (async () => {
  for await (const change of board.watch({ after: 0 })) seen.push([change.first, change.last]);
})();
const runs = [];
let finish;
await session.source({ ...READER, lease_ms: 60_000 }, (work) => {
  runs.push(work);
  return new Promise((resolve) => { finish = () => resolve(post("Answer", { n: work.bound.word.data.n })); });
});
await board.post("Word", { n: -1 });
await until(() => runs.length === 1);

let acknowledged = 0;
const posting = (async () => {
  for (let n = 0; n < 400; n++) {
    await board.post("Word", { n });
    acknowledged++;
    if (n === 100) ask("kill");
  }
})();
await posting;
assert.equal(acknowledged, 400);
finish(); // the same attempt, under the same token, over another connection
await until(async () => (await board.call("entry.list", { type: "Answer" })).entries.length === 1);
assert.deepEqual(runs.map(({ attempt }) => attempt), runs.map(() => 1));
assert.equal(runs.filter(({ id }) => id === runs[0].id).length, 1);
await until(() => runs.length > 1); // it works for the source on this connection, too

const numbers = [];
for await (const { data } of board.entries({ type: "Word" })) numbers.push(data.n);
assert.deepEqual(numbers, Array.from({ length: 401 }, (_, n) => n - 1));
const head = (await board.get()).revision;
await until(() => (seen.at(-1)?.[1] ?? 0) >= head);
let next = 1;
for (const [first, last] of seen) {
  assert.equal(first, next);
  next = last + 1;
}
assert.deepEqual(states.slice(0, 2), ["live", "offline"]);
assert.equal(states.at(-1), "live");

// While there is no server, a request waits for its own deadline.
await ask("stop");
assert.equal(await code(session.call("board.list", {}, { timeoutMs: 300 })), "timed_out");
assert.equal(states.at(-1), "offline");
assert.equal(await code(session.call("token.issue", { name: "x", kind: "agent" })), "connection_lost");
await session.close();
await watching.catch(() => {});
assert.equal(states.at(-1), "closed");
done();

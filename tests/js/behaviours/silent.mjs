// A server that says nothing any more is noticed, and left for another connection; what it did is not done twice.
import { createServer, connect as dial } from "node:net";
import { connect } from "../../../blackboard/dashboard/client.js";
import { WORD, assert, done, token, until, url } from "../harness.mjs";

// A proxy whose first connection loses, after a while, what the server says.
const target = new URL(url);
let connections = 0;
let isMute = false;
const proxy = createServer((client) => {
  const first = ++connections === 1;
  const server = dial(Number(target.port), target.hostname);
  client.on("data", (data) => server.write(data));
  server.on("data", (data) => (first && isMute) || client.write(data));
  for (const [one, other] of [[client, server], [server, client]]) {
    one.on("error", () => {});
    one.on("close", () => other.destroy());
  }
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));

const states = [];
const session = await connect(`ws://127.0.0.1:${proxy.address().port}/v1`, {
  token, agent: "js-5", pingMs: 100, backoffFirstMs: 20, onstate: (state) => states.push(state),
});
await new Promise((resolve) => setTimeout(resolve, 500)); // idle, but answered: it stays
assert.deepEqual(states, ["live"]);
const board = session.board("b");
await board.open({ types: [WORD] });
isMute = true;
const posted = board.post("Word", { n: 1 });
await until(() => states.length === 3);
assert.deepEqual(states, ["live", "offline", "live"]);
assert.deepEqual(await posted, { revision: 3, entries: [1], repeated: true }); // done at the first time
assert.equal((await board.get()).entries, 1);
assert.equal(connections, 2);
await session.close();
done();

// A server that says nothing any more is noticed, and left for another connection.
import { createServer } from "node:net";
import { connect as dial } from "node:net";
import { connect } from "../../../blackboard/dashboard/client.js";
import { assert, done, token, until, url } from "../harness.mjs";

// A proxy whose first connection goes deaf after a while.
const target = new URL(url);
let connections = 0;
let isDeaf = false;
const proxy = createServer((client) => {
  const first = ++connections === 1;
  const server = dial(Number(target.port), target.hostname);
  client.on("data", (data) => (first && isDeaf) || server.write(data));
  server.on("data", (data) => (first && isDeaf) || client.write(data));
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
isDeaf = true;
const asked = session.call("board.list");
await until(() => states.length === 3);
assert.deepEqual(states, ["live", "offline", "live"]);
assert.equal((await asked).boards.length, 1); // asked of the first connection, answered over the second
assert.equal(connections, 2);
await session.close();
done();

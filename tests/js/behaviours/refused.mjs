// What no repeat can heal ends a session, and says why.
import { connect } from "../../../blackboard/dashboard/client.js";
import { READER, WORD, assert, code, done, open, token, url } from "../harness.mjs";

assert.equal(await code(open({ token: "wrong" })), "unauthorized");
assert.equal(await code(connect("ws://127.0.0.1:9/v1", { token })), "unreachable");
assert.equal(await code(connect(url.replace("/v1", "/v2"), { token })), "unreachable");

// Another connection takes the name over: the older session ends, instead of taking it back for ever.
const states = [];
const one = await open({ agent: "twin", onstate: (state) => states.push(state) });
await one.board("b").open({ types: [WORD] });
await one.source(READER, () => {});
const watch = one.board("b").watch();
await watch.start();
const waiting = code(watch.next());
const two = await open({ agent: "twin" });
const reason = await one.closed;
assert.match(reason.message, /1008 this agent has connected anew/);
assert.equal(await waiting, "connection_lost");
assert.equal(await code(one.call("session.ping")), "connection_lost");
assert.deepEqual(states, ["live", "closed"]);
assert.deepEqual(await two.call("session.ping"), {});

// Another trigger under a known name needs `replace`.
const other = { ...READER, trigger: { patterns: [{ variable: "w", type: "Word", min_confidence: 0.5 }] } };
assert.equal(await code(two.source(other, () => {})), "source_conflict");
await two.source(other, () => {}, { replace: true });
await two.close();
done();

// An activation that is withdrawn aborts its signal; what the agent still holds when it leaves is given back.
import { READER, WORD, assert, done, open, until } from "../harness.mjs";

const author = await open();
const board = author.board("b");
await board.open({ types: [WORD] });
const begun = [];
const reasons = [];
const agent = await open({ agent: "js-2", credits: 2 });
await agent.source(READER, (work) => {
  begun.push(work);
  return new Promise((_, reject) => {
    work.signal.addEventListener("abort", () => { reasons.push(work.signal.reason); reject(work.signal.reason); });
  });
});

const { entries: [one] } = await board.post("Word", { n: 1 });
await until(() => begun.length === 1);
await board.retract(one, "a mistake");
await until(() => reasons.length === 1);
assert.equal(reasons[0].code, "stale_token");
assert.match(reasons[0].message, /retracted/);
assert.equal(await begun[0].complete([]).catch((error) => error.code), "stale_token");

await board.post("Word", { n: 2 });
await until(() => begun.length === 2);
await board.call("activation.cancel", { activation: begun[1].id, reason: "not needed" });
await until(() => reasons.length === 2);

// It leaves in the middle of its work: the attempt is reported as failed, and made by another.
await board.post("Word", { n: 3 });
await until(() => begun.length === 3);
const taken = [];
await agent.close();
const other = await open({ agent: "js-3" });
await other.source(READER, (work) => { taken.push(work); });
await until(() => taken.length === 1);
assert.equal(taken[0].bound.word.data.n, 3);
assert.equal(taken[0].attempt, 2);
assert(taken[0].token > begun[2].token);

// It leaves with a moment of grace: what is nearly done is done.
let finish;
await author.source({ ...READER, name: "slow" }, () => new Promise((resolve) => { finish = resolve; }), { boards: ["b"] });
await until(() => finish);
const closing = author.close({ graceMs: 5_000 });
finish();
await closing;
await other.close();
done();

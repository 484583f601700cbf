// An agent takes offers and ends them in every way there is.
import { post } from "../../../blackboard/dashboard/client.js";
import { WORD, assert, code, done, open, pause, until } from "../harness.mjs";

const ANSWER = { ...WORD, name: "Answer" };
const session = await open({ agent: "js-1", credits: 4 });
const board = session.board("b");
await board.open({ types: [WORD, ANSWER] });

const handlers = {
  1: (work) => post("Answer", { n: work.bound.word.data.n * 10 }, { confidence: 0.7 }),
  2: () => undefined,
  3: (work) => {
    if (work.attempt === 1) throw new Error("not yet");
    return [post("Answer", { n: 30 }), post("Answer", { n: 31 })];
  },
  4: () => { throw Object.assign(new TypeError("never"), { retryable: false }); },
  5: (work) => work.decline("nothing to say"),
  6: async (work) => {
    assert.equal(await code(work.complete([post("Answer", { n: "six" })])), "schema_violation");
    await work.complete([post("Answer", { n: 60 })]);
  },
  7: () => post("Answer", { n: "seven" }), // refused, so it fails for good
  8: async (work) => { await work.post("Answer", { n: 80 }); },
  9: async (work) => {
    await work.post("Answer", { n: 90 });
    await work.fail("gave up", { retryable: false });
  },
  10: async (work) => { await pause(900); return post("Answer", { n: 100 }); }, // three times its lease
  11: (work) => new Promise((_, reject) => { work.signal.onabort = () => reject(work.signal.reason); }), // too long
};
const tries = [];
const registered = await session.source(
  {
    name: "reader", trigger: { patterns: [{ variable: "word", type: "Word" }] }, produces: ["Answer"],
    lease_ms: 300, timeout_ms: 1500, backoff_ms: 10, attempts_max: 2,
  },
  (work) => {
    tries.push(work.bound.word.data.n);
    return handlers[work.bound.word.data.n](work);
  },
);
assert.equal(registered.source, "reader");
assert.match(registered.trigger_hash, /^[0-9a-f]{16,}$/);
for (const n of Object.keys(handlers).map(Number)) await board.post("Word", { n });

const PENDING = ["triggered", "executable", "leased", "backing_off"];
await until(async () => {
  const { activations } = await board.call("agenda.list");
  return tries.length === 13 && !activations.some(({ state }) => PENDING.includes(state));
});
const answers = [];
for await (const { data, status } of board.entries({ type: "Answer" })) answers.push([data.n, status]);
answers.sort(([a], [b]) => a - b);
assert.deepEqual(answers, [
  [10, "proposed"], [30, "proposed"], [31, "proposed"], [60, "proposed"], [80, "proposed"],
  [90, "unsupported"], [100, "proposed"], // 90 was withdrawn with its attempt
]);
assert.deepEqual(tries.toSorted((a, b) => a - b), [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11]);
const dead = (await board.call("agenda.list")).activations.filter(({ state }) => state === "dead");
assert.equal(dead.length, 4); // 4, 7, 9 and 11, for people to look at

await session.leaveSource("reader");
assert.equal(await code(session.call("source.unregister", { source: "reader" })), "unknown_source");
assert.equal(await code(session.source({ name: "bad", trigger: {} }, () => {})), "invalid_trigger");
await session.close();
done();

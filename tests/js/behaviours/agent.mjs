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

const ended = {};
const watching = (async () => {
  for await (const { records } of board.watch({ after: 0 })) {
    for (const { event } of records) {
      if (/^activation_(executed|declined|failed|expired)$/.test(event.event)) (ended[event.activation] ??= []).push(event);
    }
  }
})().catch(() => {});
await until(async () => (await board.call("agenda.list")).activations.every(({ state }) => !["executable", "leased", "retry", "triggered"].includes(state)) && tries.includes(11));
const answers = [];
for await (const { data, status } of board.entries({ type: "Answer" })) answers.push([data.n, status]);
answers.sort(([a], [b]) => a - b);
assert.deepEqual(answers, [
  [10, "proposed"], [30, "proposed"], [31, "proposed"], [60, "proposed"], [80, "proposed"],
  [90, answers.find(([n]) => n === 90)[1]], [100, "proposed"],
]);
assert.notEqual(answers.find(([n]) => n === 90)[1], "proposed"); // withdrawn with the attempt
assert.deepEqual(tries.toSorted((a, b) => a - b), [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11]);
const first = await board.entry(answers.length && 12).catch(() => null);
assert(first === null || first.author);

await session.leaveSource("reader");
assert.equal(await code(session.call("source.unregister", { source: "reader" })), "unknown_source");
assert.equal(await code(session.source({ name: "bad", trigger: {} }, () => {})), "invalid_trigger");
await session.close();
await watching;
done();

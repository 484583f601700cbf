// A watch sees every change once, in order, from any revision; it can be slow, filtered, aborted and left.
import { WORD, assert, code, done, open } from "../harness.mjs";

const session = await open();
const board = session.board("b");
await board.open({ types: [WORD, { ...WORD, name: "Other" }] });
const { revision: before } = await board.post("Word", { n: 0 });

const all = board.watch({ after: 0 });
await board.post("Word", { n: 1 });
const revisions = [];
for await (const change of all) {
  assert.equal(change.first, (revisions.at(-1) ?? 0) + 1);
  for (const { revision, event } of change.records) {
    revisions.push(revision);
    assert.equal(typeof event.event, "string");
  }
  if (change.last === before + 1) break; // leaves the watch
}
assert.deepEqual(revisions, Array.from({ length: before + 1 }, (_, n) => n + 1));
assert.deepEqual(await all.next(), { value: undefined, done: true });

const live = board.watch();
await live.start();
const resumed = board.watch({ after: before });
const filtered = board.watch({ types: ["Other"] });
await filtered.start();
await board.post("Word", { n: 2 });
await board.post("Other", { n: 3 });
assert.equal((await live.next()).value.first, before + 2);
assert.equal((await resumed.next()).value.first, before + 1);
assert.equal((await filtered.next()).value.records[0].event.data.n, 3);

// A consumer that is slower than the board: it is kept up to a bound, then read again.
const slow = board.watch({ after: 0, keptMax: 3 });
await slow.start();
for (let n = 0; n < 60; n++) await board.post("Word", { n });
const head = (await board.get()).revision;
assert(slow.revision < head); // it gave up
for (let next = 1; next <= head;) {
  const { value } = await slow.next();
  assert.equal(value.first, next);
  next = value.last + 1;
}
assert.equal(slow.revision, head);

// Two that wait in parallel both get something.
const pair = [slow.next(), slow.next()];
await board.post("Word", { n: 100 });
await board.post("Word", { n: 101 });
assert.deepEqual((await Promise.all(pair)).map(({ value }) => value.first).sort(), [head + 1, head + 2]);

const stop = new AbortController();
const stopped = board.watch({ signal: stop.signal });
const waiting = stopped.next();
stop.abort(new Error("enough"));
assert.equal((await waiting.catch((error) => error)).message, "enough");
assert.equal((await board.watch({ signal: stop.signal }).next().catch((error) => error)).message, "enough");

assert.equal(await code(board.watch({ after: 100_000 }).next()), "gone");
assert.equal(await code(session.board("missing").watch().next()), "unknown_board");
const hanging = live.return().then(() => slow.next());
await session.close();
assert.equal(await code(hanging), "connection_lost");
assert.equal(await code(board.watch().next()), "connection_lost");
done();

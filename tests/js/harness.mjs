// What the behaviours share: a server's address from the environment, and a word with the test that runs them.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { BlackboardError, connect } from "../../blackboard/dashboard/client.js";

export { assert };
export const url = process.env.BLACKBOARD_URL;
export const token = process.env.BLACKBOARD_TOKEN;

/** Entry type `Word`, which all behaviours use. */
export const WORD = {
  name: "Word",
  level: "word",
  schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
};
export const READER = { name: "reader", trigger: { patterns: [{ variable: "word", type: "Word" }] } };

/** Open a session that complains to nobody and waits little. */
export const open = (options = {}) =>
  connect(url, { token, name: "test", backoffFirstMs: 20, backoffCapMs: 200, onwarning: () => {}, ...options });

/** The code with which something is refused. */
export async function code(promise) {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof BlackboardError, error);
    return error.code;
  }
  assert.fail("it was not refused");
}

/** Wait until something holds. */
export async function until(condition) {
  for (const end = Date.now() + 20_000; Date.now() < end; await pause(5)) if (await condition()) return;
  assert.fail(`not so in time: ${condition}`);
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let lines;
/** Ask the test for something, and wait until it is done. */
export async function ask(word) {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(word);
  return (await lines.next()).value;
}

/** End the script; a readline that waits would keep it. */
export const done = () => process.exit(0);

// Replays a golden transcript over a bare WebSocket; docs/clients.md describes the format.
//
//     BLACKBOARD_URL=… BLACKBOARD_TOKEN=… node replay.mjs FILE
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { argv, env, exit } from "node:process";

const TIMEOUT_MS = 10_000;
const bound = { token: env.BLACKBOARD_TOKEN };
const connections = new Map();

const KINDS = {
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  object: (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  array: Array.isArray,
};

/** A frame to send: every `$bind` is replaced by its value. */
function fill(pattern) {
  if (Array.isArray(pattern)) return pattern.map(fill);
  if (!KINDS.object(pattern)) return pattern;
  if ("$bind" in pattern) return bound[pattern.$bind];
  return Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, fill(value)]));
}

/** Where and how a value differs from its pattern; binds what the pattern names. */
function differs(pattern, value, place = "") {
  const wrong = `${place}: ${JSON.stringify(value)}, expected ${JSON.stringify(pattern)}`;
  if (!KINDS.object(pattern) && !Array.isArray(pattern)) return pattern === value ? null : wrong;
  if ("$any" in pattern) return KINDS[pattern.$any](value) ? null : wrong;
  if ("$bind" in pattern) return (bound[pattern.$bind] ??= value) === value ? null : wrong;
  const members = pattern.$some ?? pattern;
  if (value === null || typeof value !== "object" || Array.isArray(members) !== Array.isArray(value)) return wrong;
  const keys = Object.keys(members);
  if (keys.some((key) => !(key in value))) return wrong;
  if (members === pattern && keys.length !== Object.keys(value).length) return wrong;
  return keys.map((key) => differs(members[key], value[key], `${place}/${key}`)).find(Boolean) ?? null;
}

const keyOf = (frame) => frame.method ?? `id ${JSON.stringify(frame.id)}`;

async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(what)), TIMEOUT_MS); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function open(name) {
  if (connections.has(name)) return connections.get(name);
  const socket = new WebSocket(env.BLACKBOARD_URL);
  const here = { socket, frames: [], wake: () => {} };
  here.closed = new Promise((resolve) => { socket.onclose = ({ code }) => resolve(code); });
  socket.onmessage = ({ data }) => { here.frames.push(JSON.parse(data)); here.wake(); };
  connections.set(name, here);
  await within(new Promise((resolve) => { socket.onopen = resolve; }), "no connection");
  return here;
}

async function receive(here, pattern) {
  for (;;) {
    const found = here.frames.findIndex((frame) => keyOf(frame) === keyOf(pattern));
    if (found >= 0) {
      const difference = differs(pattern, here.frames.splice(found, 1)[0]);
      if (difference) throw new Error(difference);
      return;
    }
    await within(new Promise((resolve) => { here.wake = resolve; }), `did not come: ${JSON.stringify(pattern)}`);
  }
}

async function step({ on = "main", ...line }) {
  if ("note" in line) return;
  const here = await open(line.close ?? on);
  if ("send" in line) here.socket.send(JSON.stringify(fill(line.send)));
  else if ("send_text" in line) here.socket.send(line.send_text);
  else if ("receive" in line) await receive(here, line.receive);
  else if ("close" in line) here.socket.close();
  if (!("close" in line || "closed" in line)) return;
  const code = await within(here.closed, "the connection was not closed");
  connections.delete(line.close ?? on);
  if ("closed" in line && code !== line.closed) throw new Error(`closed with ${code}, expected ${line.closed}`);
}

const lines = readFileSync(argv[2], "utf8").split("\n").filter(Boolean);
for (const [number, line] of lines.entries()) {
  await step(JSON.parse(line)).catch((error) => {
    console.log(`${basename(argv[2])}:${number + 1}: ${error.message}`);
    exit(1);
  });
}
const left = [...connections.values()].flatMap(({ frames }) => frames);
if (left.length) console.log("no line expects", JSON.stringify(left));
exit(left.length ? 1 : 0);

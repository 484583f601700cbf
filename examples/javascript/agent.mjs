// The deploy correlator as a JavaScript agent: blames a deploy for an error spike that follows it. It declares
// the same source as examples/deploy_correlator.py, so the two may share the work.
//
//     blackboard serve                      # in one terminal
//     node examples/javascript/agent.mjs    # in another, in the same folder; Ctrl-C stops it
//
// Node 22 or newer, or `deno run --allow-net --allow-env --allow-read`. Outside this repository take the client
// from the server, which serves it: curl -O http://127.0.0.1:8787/client.js
// The token is found in .blackboard/token; elsewhere set BLACKBOARD_TOKEN, and pass the address as argument.
import { readFileSync } from "node:fs";
import { argv, env } from "node:process";
import { connect, post } from "../../blackboard/dashboard/client.js";

if (typeof WebSocket === "undefined") throw new Error("this needs Node 22 or newer, or Deno: there is no WebSocket here");

const entryType = (name, level, properties, more = {}) => ({
  name,
  level,
  schema: { type: "object", properties, required: Object.keys(properties), additionalProperties: false },
  ...more,
});
const text = { type: "string" };
const number = { type: "number" };

const field = (variable, path) => ({ field: { variable, path } });
const compare = (path, op, right) => ({ is: "compare", path, op, ...right });

const declaration = {
  name: "deploy-correlator",
  description: "The closer the spike follows the deploy, the surer the blame; after 15 minutes, none.",
  trigger: {
    patterns: [
      {
        variable: "spike",
        type: "ErrorSpike",
        conditions: [compare("/ratio", ">=", { value: 3 })],
        min_confidence: 0.6,
      },
      {
        variable: "deploy",
        type: "Deploy",
        conditions: [
          compare("/service", "==", field("spike", "/service")),
          compare("/at", "<=", field("spike", "/at")),
        ],
      },
    ],
    absent: [
      [
        {
          variable: "cause",
          type: "Cause",
          conditions: [
            compare("/service", "==", field("spike", "/service")),
            compare("/version", "==", field("deploy", "/version")),
          ],
        },
      ],
    ],
  },
  produces: ["Cause"],
  types: [
    entryType("Deploy", "signal", { service: text, version: text, at: number }),
    entryType("ErrorSpike", "symptom", { service: text, at: number, ratio: number }),
    entryType("Cause", "cause", { service: text, version: text, summary: text }, {
      identity: ["service", "version"],
    }),
  ],
  rating: 0.8,
  timeout_ms: 10_000,
};

function correlate(work) {
  const { spike, deploy } = work.bound;
  const gap = spike.data.at - deploy.data.at;
  if (gap > 900) return work.decline(`${gap} s lie between them`);
  const { service, version } = deploy.data;
  const summary = `errors x${spike.data.ratio} ${gap.toFixed(0)}s after ${version}`;
  return post("Cause", { service, version, summary }, { confidence: spike.confidence * (1 - gap / 1800) });
}

const url = argv[2] ?? env.BLACKBOARD_URL ?? "ws://127.0.0.1:8787/v1";
const token = env.BLACKBOARD_TOKEN ?? readFileSync(".blackboard/token", "utf8").trim();
const agent = await connect(url, { token, name: "examples/javascript/agent.mjs", credits: 4 });
await agent.source(declaration, correlate);
console.log(`${agent.agent} works for ${declaration.name} at ${url}; Ctrl-C stops it`);
process.once("SIGINT", () => agent.close({ graceMs: 2_000 }));
const reason = await agent.closed;
if (reason) throw reason;

/**
 * A driver for the tests of the runner. Its first argument says how it behaves: `good` asks the server as a client would,
 * the others are wrong in one way each.
 */
import { createInterface } from "node:readline";

const [mode = "good"] = process.argv.slice(2);
/** @type {Record<string, string>} */
const routes = { getHealth: "/health", getReady: "/ready" };

/** @param {object} message */
function send(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** @param {{ id: number, op: string, client: { base_url: string, api_key: string } }} call */
async function answer({ id, op, client }) {
  if (mode === "crash" && op === "getReady") {
    process.stderr.write("fixture: out of cheese\n");
    process.exit(3);
  }
  if (mode === "hang" && op === "getReady") return;
  if (mode === "garbage" && op === "getReady") return process.stdout.write("this is no message\n");
  if (mode === "stranger" && op === "getReady") return send({ type: "result", id: id + 1000, value: {} });
  if (mode === "leaking") {
    return send({
      type: "error",
      id,
      class: "Server",
      native: "E",
      fields: { message: `key ${client.api_key} failed` },
    });
  }
  const response = await fetch(client.base_url + routes[op]);
  const value = /** @type {Record<string, unknown>} */ (await response.json());
  const said = mode === "wrong" ? { ...value, status: "fine" } : value;
  if (response.ok) return send({ type: "result", id, value: said });
  send({ type: "error", id, class: "Server", native: "E", fields: { status: response.status, body: value } });
}

if (mode !== "mute") {
  const protocol = mode === "future" ? 99 : 1;
  const lacks = mode === "limited" ? { cancel: "fixtures are not cancelled" } : {};
  send({ type: "hello", protocol, driver: mode, runtime: "node", client_version: "0", lacks });
}
createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.type === "bye") process.exit(0);
  if (message.type === "call") void answer(message);
});

/**
 * Which Node, Python and Go the commands find, and a clear refusal when one is missing or too old.
 *
 * Plain JavaScript without dependencies, like everything that runs before `npm ci` has.
 */
import { execFileSync } from "node:child_process";

/** A toolchain that is absent or older than wanted. The message names the thing, what was found and what to do. */
export class ToolchainError extends Error {}

const WANTED = {
  // What undici asks for.
  node: { name: "Node.js", floor: [20, 18, 1], get: "https://nodejs.org" },
  // What vite asks for, which runs the tests.
  "node for tests": { name: "Node.js", floor: [20, 19], get: "https://nodejs.org" },
  python: { name: "Python", floor: [3, 11], get: "https://www.python.org" },
  go: { name: "Go", floor: [1, 22], get: "https://go.dev/dl" },
};

/** @param {readonly number[]} found @param {readonly number[]} floor */
function isOlder(found, floor) {
  const at = floor.findIndex((part, index) => (found[index] ?? 0) !== part);
  return at >= 0 && (found[at] ?? 0) < (floor[at] ?? 0);
}

/**
 * Refuses a tool whose version, somewhere in `text`, is older than wanted, or missing.
 * @param {keyof typeof WANTED} tool @param {string} text
 */
export function checkVersion(tool, text) {
  const { name, floor, get } = WANTED[tool];
  const found = /\d+\.\d+(\.\d+)?/.exec(text)?.[0];
  if (found === undefined)
    throw new ToolchainError(
      `${name} ${floor.join(".")} or newer is needed and was not found: install it from ${get}`,
    );
  if (isOlder(found.split(".").map(Number), floor)) {
    throw new ToolchainError(
      `${name} ${floor.join(".")} or newer is needed, found ${found}: install it from ${get}`,
    );
  }
}

/** @param {string} command @param {string[]} args */
function ask(command, args) {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 20_000,
    });
  } catch {
    return "";
  }
}

/** Refuses a Node.js that the gateway cannot run on. */
export function requireNode() {
  checkVersion("node", process.versions.node);
}

/** Refuses a Node.js that the tests cannot run on. */
export function requireNodeForTests() {
  checkVersion("node for tests", process.versions.node);
}

/** The Python interpreter to make the virtual environment with: `PYTHON`, else `python3`. Refuses one before 3.11. */
export function requirePython() {
  const python = process.env.PYTHON ?? "python3";
  checkVersion("python", ask(python, ["--version"]));
  return python;
}

/** Refuses a Go older than 1.22. */
export function requireGo() {
  checkVersion("go", ask("go", ["env", "GOVERSION"]));
}

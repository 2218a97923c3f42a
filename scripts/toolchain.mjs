/**
 * Which Node, Python and Go the commands find, and a clear refusal when one is missing or too old.
 *
 * Plain JavaScript without dependencies, like everything that runs before `npm ci` has.
 */
import { execFileSync } from "node:child_process";

/** A toolchain that is absent or older than wanted. The message names the thing, what was found and what to do. */
export class ToolchainError extends Error {}

const WANTED = {
  node: { name: "Node.js", floor: [20, 0], get: "https://nodejs.org" },
  python: { name: "Python", floor: [3, 11], get: "https://www.python.org" },
  go: { name: "Go", floor: [1, 22], get: "https://go.dev/dl" },
};

/** @param {readonly number[]} found @param {readonly number[]} floor */
function isOlder(found, floor) {
  const [major = 0, minor = 0] = found;
  const [floorMajor = 0, floorMinor = 0] = floor;
  return major < floorMajor || (major === floorMajor && minor < floorMinor);
}

/** @param {"node" | "python" | "go"} tool @param {string} text */
function check(tool, text) {
  const { name, floor, get } = WANTED[tool];
  const found = /(\d+)\.(\d+)/.exec(text);
  if (!found)
    throw new ToolchainError(
      `${name} ${floor.join(".")} or newer is needed and was not found: install it from ${get}`,
    );
  if (isOlder([Number(found[1]), Number(found[2])], floor)) {
    throw new ToolchainError(
      `${name} ${floor.join(".")} or newer is needed, found ${found[0]}: install it from ${get}`,
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

/** Refuses a Node.js older than 20. */
export function requireNode() {
  check("node", process.versions.node);
}

/** The Python interpreter to make the virtual environment with: `PYTHON`, else `python3`. Refuses one before 3.11. */
export function requirePython() {
  const python = process.env.PYTHON ?? "python3";
  check("python", ask(python, ["--version"]));
  return python;
}

/** Refuses a Go older than 1.22. */
export function requireGo() {
  check("go", ask("go", ["env", "GOVERSION"]));
}

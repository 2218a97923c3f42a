/**
 * The registry of targets. A new first-class target is one line here and one folder under `targets/`.
 *
 * Modules load on demand, so that generating one language never pays for another's tools.
 */
import type { Target } from "./model.js";

const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  docs: async () => (await import("./targets/docs/index.js")).docs,
  express: async () => (await import("./targets/express/index.js")).express,
  go: async () => (await import("./targets/go/index.js")).go,
  python: async () => (await import("./targets/python/index.js")).python,
  typescript: async () => (await import("./targets/typescript/index.js")).typescript,
};

/** The names of all targets, in the order they are generated. */
export function targetNames(): string[] {
  return Object.keys(TARGETS);
}

/** Loads the named targets, all of them when the list is empty. @throws Error for a name that is not registered */
export async function loadTargets(names: readonly string[]): Promise<Target[]> {
  const wanted = names.length > 0 ? names : targetNames();
  return Promise.all(
    wanted.map((name) => {
      const load = TARGETS[name];
      if (!load) throw new Error(`unknown target ${name}; known targets are ${targetNames().join(", ")}`);
      return load();
    }),
  );
}

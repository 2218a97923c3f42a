/** Timing: contestants take turns, round by round, so that a busy moment of the machine meets all of them. */

export interface Contestant {
  readonly name: string;
  readonly run: () => unknown;
}

/**
 * First quartiles in ms by name: on a machine that is busy the slower half tells of the others. `warmUps` rounds do not
 * count: the compiler is done with the code by then.
 */
export async function race(
  contestants: readonly Contestant[],
  rounds: number,
  warmUps = 20,
): Promise<Map<string, number>> {
  const times = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const { name, run } of contestants) {
      const started = performance.now();
      await run();
      if (round >= 0) times.get(name)?.push(performance.now() - started);
    }
  }
  return new Map([...times].map(([name, list]) => [name, quantile(list, 0.25)]));
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

export async function timed<T>(run: () => T | Promise<T>): Promise<{ value: T; ms: number }> {
  const started = performance.now();
  const value = await run();
  return { value, ms: performance.now() - started };
}

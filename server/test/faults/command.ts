/** What a faulty port does with its next calls, as a test has told it. */

export interface FaultCommand<Kind extends string> {
  readonly kind: Kind;
  /** Calls that it strikes; without a number all until `heal`. */
  times?: number;
  /** How long a call is held up first, ms. */
  readonly delayMs?: number;
  /** Only calls of these operations. */
  readonly operations?: readonly string[];
}

export interface FaultControl<Kind extends string> {
  /** From now on. A later command for the same calls comes first. */
  fail(command: FaultCommand<Kind>): void;
  /** No faults any more. */
  heal(): void;
  /** Calls by operation, struck or not. */
  readonly calls: ReadonlyMap<string, number>;
}

export interface FaultPlan<Kind extends string> extends FaultControl<Kind> {
  /** The command for a call that begins, its delay waited for; undefined when it is let through. */
  next(operation: string): Promise<FaultCommand<Kind> | undefined>;
}

export function createFaultPlan<Kind extends string>(): FaultPlan<Kind> {
  const calls = new Map<string, number>();
  let commands: FaultCommand<Kind>[] = [];
  return {
    calls,
    fail: (command) => void commands.unshift(command),
    heal() {
      commands = [];
    },
    async next(operation) {
      calls.set(operation, (calls.get(operation) ?? 0) + 1);
      const command = commands.find(
        ({ operations, times }) => (operations?.includes(operation) ?? true) && (times ?? 1) > 0,
      );
      if (command?.times !== undefined) command.times--;
      if (command?.delayMs !== undefined)
        await new Promise((resolve) => setTimeout(resolve, command.delayMs));
      return command;
    },
  };
}

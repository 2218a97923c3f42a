/**
 * A store whose calls are timed, whichever port it stands behind: the object is the same, only that its listed methods report
 * how long they took and how they ended.
 */

import type { Clock } from "../clock.js";

export interface EndedCall {
  readonly operation: string;
  readonly seconds: number;
  /** `conflict`: a conditional write that lost its race, which is an answer and no failure. */
  readonly status: "ok" | "conflict" | "error";
}

export interface CallObserver {
  readonly clock: Pick<Clock, "monotonic">;
  readonly ended: (call: EndedCall) => void;
  /** Told of every call that begins, with its arguments. */
  readonly begun?: (operation: string, args: readonly unknown[]) => void;
}

/** Names of the methods of a port that return a promise. */
export type AsyncMethods<Port> = {
  [Name in keyof Port]: Port[Name] extends (...args: never[]) => Promise<unknown> ? Name : never;
}[keyof Port] &
  string;

export function observeCalls<Port extends object>(
  port: Port,
  operations: readonly AsyncMethods<Port>[],
  observer: CallObserver,
): Port {
  const methods = new Map<string | symbol, unknown>(
    operations.map((operation) => [operation, timedMethod(port, operation, observer)]),
  );
  return new Proxy(port, {
    get(target, property) {
      const known = methods.get(property);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      // Adapters keep private fields, which only the object itself may read.
      const method: unknown = value.bind(target);
      methods.set(property, method);
      return method;
    },
  });
}

function timedMethod<Port extends object>(
  port: Port,
  operation: AsyncMethods<Port>,
  { clock, ended, begun }: CallObserver,
) {
  const method = (port[operation] as (...args: unknown[]) => Promise<unknown>).bind(port);
  return async (...args: unknown[]) => {
    const startedAt = clock.monotonic();
    const end = (status: EndedCall["status"]) =>
      ended({ operation, seconds: (clock.monotonic() - startedAt) / 1_000, status });
    begun?.(operation, args);
    try {
      const result = await method(...args);
      end(isConflict(result) ? "conflict" : "ok");
      return result;
    } catch (error) {
      end("error");
      throw error;
    }
  };
}

function isConflict(result: unknown): boolean {
  return typeof result === "object" && result !== null && "status" in result && result.status === "conflict";
}

/**
 * Saves the tables that have changed much once their namespaces lie idle, in steps of a few milliseconds between requests.
 */
import type { Namespace } from "./namespace.js";

/** How long a step may hold the engine's thread; what has been begun is done. */
const STEP_MS = 5;
/** A table that could not be saved (on a full disk, say) is tried again after this. */
const RETRY_MS = 60_000;

export interface TableSaverOptions {
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told when a table could not be saved; nothing is lost by it but time at the next start. */
  readonly notice: (message: string) => void;
}

interface Saving {
  readonly namespace: Namespace;
  readonly record: Namespace["record"];
  readonly steps: Generator<void>;
}

export class TableSaver {
  private saving: Saving | null = null;
  private resumesAt = 0;

  constructor(private readonly options: TableSaverOptions) {}

  /**
   * Goes on with a table, or begins with one that is due and was last written `idleMs` ago. Returns whether there is more
   * to do at once.
   */
  step(idleMs: number, stepMs: number = STEP_MS): boolean {
    this.saving ??= this.begin(idleMs);
    if (this.saving === null) return false;
    const { namespace, record, steps } = this.saving;
    if (namespace.record !== record || this.options.namespaces.get(record.name) !== namespace) {
      this.end();
      return true;
    }
    try {
      const until = performance.now() + stepMs;
      do {
        if (steps.next().done === true) this.saving = null;
      } while (this.saving !== null && performance.now() < until);
    } catch (error) {
      this.end();
      this.resumesAt = this.options.now() + RETRY_MS;
      this.options.notice(
        `the table of namespace ${record.name} could not be saved: ${(error as Error).message}`,
      );
      return false;
    }
    return true;
  }

  private begin(idleMs: number): Saving | null {
    const { namespaces, now } = this.options;
    const at = now();
    if (at < this.resumesAt) return null;
    for (const namespace of namespaces.values()) {
      const { record } = namespace;
      if (namespace.isSaveDue && at - record.updatedAt >= idleMs)
        return { namespace, record, steps: namespace.save() };
    }
    return null;
  }

  /** Gives up what is under way; the earlier saved table stays in force. */
  end(): void {
    this.saving?.steps.return(undefined);
    this.saving = null;
  }
}

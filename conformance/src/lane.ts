/**
 * A lane: one driver process after another, each running one case at a time.
 *
 * The restart cap keeps a driver that cannot run at all from costing its start-up limit once a case.
 */
import { type DriverCommand, DriverProcess } from "./driver-process.js";

/** Processes a lane may lose before it gives up (chosen: a few real crashes, not a systematic one). */
const LOST_MAX = 5;

export class Lane {
  #driver: DriverProcess | undefined;
  #lost = 0;

  constructor(readonly command: DriverCommand) {}

  /** A usable process. Throws when it cannot be started, or when too many were lost. */
  async driver(): Promise<DriverProcess> {
    if (this.#driver?.usable) return this.#driver;
    if (this.#lost >= LOST_MAX) throw new Error(`driver was lost ${this.#lost} times; not started again`);
    try {
      this.#driver = (await DriverProcess.start(this.command)).driver;
      return this.#driver;
    } catch (cause) {
      this.#lost = LOST_MAX;
      throw cause;
    }
  }

  /** Drops a process that hung or broke. */
  async drop(): Promise<void> {
    this.#lost += 1;
    await this.close();
  }

  async close(): Promise<void> {
    const driver = this.#driver;
    this.#driver = undefined;
    await driver?.stop();
  }
}

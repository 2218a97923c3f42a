/** What the checks need from outside. */

import type { Clock } from "../clock.js";
import type { OptionalPackages } from "../compose-stores.js";
import type { Log } from "../log.js";

export interface DoctorDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  /** How the optional packages are loaded. */
  readonly packages: OptionalPackages;
  /** `process.version` of the Node.js that would run the gateway. */
  readonly nodeVersion: string;
  /** Of the gateway. */
  readonly version: string;
}

import { badRequest } from "./errors.js";
import { DEFAULT_ADJUSTABLE_LIMITS } from "./limits.js";

/**
 * What one request may make the engine do, in steps of about ten nanoseconds. Whoever walks over documents, postings,
 * patterns or vectors for a request spends from its budget first: requests run one at a time on one thread, so the most
 * that one can take is what all others may have to wait.
 */
export class StepBudget {
  private left: number;

  constructor(private readonly total: number = DEFAULT_ADJUSTABLE_LIMITS.steps) {
    this.left = total;
  }

  /** Throws 400 once more than the total has been spent. */
  spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) {
      throw badRequest(
        `request is too much work: it takes more than ${this.total} steps; filter or rank by less, or send fewer queries at once`,
      );
    }
  }
}

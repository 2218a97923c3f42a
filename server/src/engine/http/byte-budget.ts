import { EngineError } from "../errors.js";

/** Bytes that may be in use at once. Whoever does not fit is told to come again, because a queue would hold them too. */
export class ByteBudget {
  private used = 0;

  /** `problem` is what callers are told. */
  constructor(
    readonly total: number,
    private readonly problem: string,
  ) {}

  /** Throws 429 when the bytes do not fit into what is left. */
  take(bytes: number): void {
    if (this.used + bytes > this.total) throw this.refusal();
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }

  /** Throws 429 when nothing is left, for bytes whose number is known only once they are there: `add` then counts them. */
  check(): void {
    if (this.used >= this.total) throw this.refusal();
  }

  add(bytes: number): void {
    this.used += bytes;
  }

  private refusal(): EngineError {
    return new EngineError(429, this.problem, { headers: { "retry-after": "1" } });
  }
}

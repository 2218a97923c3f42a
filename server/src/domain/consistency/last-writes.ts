/**
 * Did somebody write around the gateway? Upstream tells the time of a namespace's last write; when no replica of ours can have
 * been its author, somebody else was, and what is cached of the namespace may be old.
 *
 * A last write is ours when it is not later, by more than the margin, than what one of us wrote and nothing has accounted for
 * yet. What another replica wrote is known a second or two later, so a last write nobody owns to is a suspicion first, and proved
 * when every writing replica has told of all it wrote until after it. A write of another's that falls between two of ours cannot be
 * told from them: upstream keeps only the last one.
 *
 * Wrong only to the safe side: a clock that is off by more than the margin, or a replica that died before it could tell, makes ours
 * pass for another's.
 */

import type { Heard } from "./replica.js";

interface Suspicion {
  readonly lastWriteAt: number;
  /** Monotonic time at which it arose. */
  readonly at: number;
  /** What the others were known to have written then. */
  readonly others: number;
}

export interface SeenLastWrite {
  /** Epoch-ms, by upstream's clock. */
  readonly lastWriteAt: number | undefined;
  /** Epoch-ms by the clock of stamps, before the metadata was asked for. */
  readonly startedAt: number;
  /** Epoch-ms up to which the last write may be this replica's, after the answer came; undefined when it wrote nothing. */
  readonly own: number | undefined;
  /** Monotonic time after the answer came. */
  readonly now: number;
}

/** More suspicions than this at once are a proof. */
const SUSPICIONS_MAX = 8;

/** The last writes of one namespace. */
export class LastWrites {
  /** The newest that is accounted for; undefined before the first. */
  #known: number | undefined;
  #own = Number.NEGATIVE_INFINITY;
  #ownAccounted = Number.NEGATIVE_INFINITY;
  #others = Number.NEGATIVE_INFINITY;
  #othersAccounted = Number.NEGATIVE_INFINITY;
  #suspicions: Suspicion[] = [];
  readonly #marginMs: number;
  readonly #trustsBefore: number;

  /**
   * @param trustsBefore epoch-ms; the first last write that is seen goes unquestioned when it is older: nothing can be cached
   *   of a namespace from before any replica watched it. Undefined: none does
   */
  constructor(options: { marginMs: number; trustsBefore: number | undefined }) {
    this.#marginMs = options.marginMs;
    this.#trustsBefore = options.trustsBefore ?? Number.NEGATIVE_INFINITY;
  }

  /** The newest last write that is accounted for, epoch-ms. */
  get known(): number | undefined {
    return this.#known;
  }

  /** Whether a suspicion waits for the other replicas' word. */
  get isSuspicious(): boolean {
    return this.#suspicions.length > 0;
  }

  /** Begins with what an earlier replica knew. */
  restore(lastWriteAt: number | undefined): void {
    this.#account(lastWriteAt);
  }

  /** Another replica's last write may be as late as `through`. @returns whether that is news */
  othersWrote(through: number): boolean {
    if (through <= this.#others) return false;
    this.#others = through;
    return true;
  }

  saw({ lastWriteAt, startedAt, own, now }: SeenLastWrite): void {
    this.#own = Math.max(this.#own, own ?? Number.NEGATIVE_INFINITY);
    if (lastWriteAt === undefined) return;
    if (this.#known === undefined && lastWriteAt < this.#trustsBefore) this.#account(lastWriteAt);
    const isNew = lastWriteAt > (this.#known ?? Number.NEGATIVE_INFINITY);
    if (isNew && !this.#suspicions.some((suspicion) => suspicion.lastWriteAt === lastWriteAt)) {
      const isOurs =
        (this.#own > this.#ownAccounted && lastWriteAt <= this.#own + this.#marginMs) ||
        (this.#others > this.#othersAccounted && lastWriteAt <= this.#others + this.#marginMs);
      if (isOurs) this.#account(lastWriteAt);
      else this.#suspicions.push({ lastWriteAt, at: now, others: this.#others });
    }
    // Metadata that was asked for so much later has shown these writes.
    if (startedAt > this.#own + this.#marginMs) this.#ownAccounted = this.#own;
    if (startedAt > this.#others + this.#marginMs) this.#othersAccounted = this.#others;
  }

  /** @returns true, once, when somebody has surely written around the gateway */
  isProved(heard: Heard): boolean {
    const explained = (suspicion: Suspicion): boolean =>
      this.#others > suspicion.others && suspicion.lastWriteAt <= this.#others + this.#marginMs;
    for (const suspicion of this.#suspicions) if (explained(suspicion)) this.#account(suspicion.lastWriteAt);
    this.#suspicions = this.#suspicions.filter((suspicion) => !explained(suspicion));
    const proved =
      this.#suspicions.length > SUSPICIONS_MAX ||
      this.#suspicions.some(
        ({ lastWriteAt, at }) => heard.lookedAt >= at && heard.through > lastWriteAt + this.#marginMs,
      );
    if (!proved) return false;
    for (const { lastWriteAt } of this.#suspicions) this.#account(lastWriteAt);
    this.#suspicions = [];
    return true;
  }

  #account(lastWriteAt: number | undefined): void {
    if (lastWriteAt !== undefined) this.#known = Math.max(this.#known ?? lastWriteAt, lastWriteAt);
  }
}

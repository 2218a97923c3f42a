/**
 * A script: the answers one case wants from a scripted server, and the record of what that server was sent.
 *
 * A script is strict in both directions. A request that no answer is left for, and an answer that nothing asked for, are
 * both reported, so a scenario cannot pass by accident when a client sends one request too many or too few.
 */
import type { Answer } from "./scenario.js";

/** A request as it arrived: nothing decoded, nothing normalised. */
export interface RecordedRequest {
  method: string;
  /** Raw path, without the query. */
  path: string;
  /** Raw query string without `?`; empty when there was none. */
  query: string;
  /** Lower-case names; repeated headers joined as Node joins them. */
  headers: Record<string, string>;
  body: Buffer;
}

export class Script {
  readonly requests: RecordedRequest[] = [];
  readonly unexpected: string[] = [];
  readonly #answers: { answer: Answer; used: number }[];

  constructor(answers: readonly Answer[]) {
    this.#answers = answers.map((answer) => ({ answer, used: 0 }));
  }

  /** Records the request and chooses the first answer that fits and is not used up; undefined when none is left. */
  take(request: RecordedRequest): Answer | undefined {
    this.requests.push(request);
    const line = `${request.method} ${request.path}`;
    const entry = this.#answers.find(({ answer, used }) => {
      const left = answer.times === "any" || used < (answer.times ?? 1);
      return left && (answer.on === undefined || answer.on === line);
    });
    if (entry === undefined) {
      this.unexpected.push(line);
      return undefined;
    }
    entry.used += 1;
    return entry.answer;
  }

  /** What did not go by the script; empty when everything did. */
  problems(): string[] {
    return [
      ...this.unexpected.map((line) => `script: no answer was left for ${line}`),
      ...this.#answers
        .filter(({ answer, used }) => answer.times !== "any" && used < (answer.times ?? 1))
        .map(
          ({ answer, used }) =>
            `script: the answer ${answer.status ?? 200} for ${answer.on ?? "any request"} was asked ${used} of ${answer.times ?? 1} times`,
        ),
    ];
  }
}

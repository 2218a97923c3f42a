/**
 * A script: the answers one case wants from a scripted server, and the record of what that server was sent.
 *
 * A script is strict in both directions. A request that no answer is left for, and an answer that nothing asked for, are
 * both reported, so a scenario cannot pass by accident when a client sends one request too many or too few.
 *
 * A gateway also asks on its own account: it reads the metadata and the schema of namespaces that it has seen written or
 * described, whenever it sees fit. Where a script does not say how that read is answered, the namespace does not exist, which makes a gateway
 * stop asking, and the read stands in no record.
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

/** What a gateway may ask Turbopuffer without having been asked. */
const GATEWAYS_OWN = /^GET \/(v2\/namespaces\/[^/]+\/metadata|v1\/namespaces\/[^/]+\/schema)$/;
const NOT_FOUND: Answer = { status: 404, json: { status: "error", error: "namespace was not found" } };

export class Script {
  readonly requests: RecordedRequest[] = [];
  readonly unexpected: string[] = [];
  /** The step that runs, counted from 1. */
  step = 1;
  readonly #answers: { answer: Answer; used: number }[];
  readonly #behindGateway: boolean;

  /** @param behindGateway the requests come from a gateway, which has some of its own to make */
  constructor(answers: readonly Answer[], behindGateway = false) {
    this.#answers = answers.map((answer) => ({ answer, used: 0 }));
    this.#behindGateway = behindGateway;
  }

  /** Records the request and chooses the first answer that fits and is not used up; undefined when none is left. */
  take(request: RecordedRequest): Answer | undefined {
    const line = `${request.method} ${request.path}`;
    const isOwn = this.#behindGateway && GATEWAYS_OWN.test(line);
    const entry = this.#answers.find(({ answer, used }) => {
      if (this.step < (answer.from_step ?? 1)) return false;
      const left = answer.times === "any" || used < (answer.times ?? 1);
      return left && (answer.on === line || (answer.on === undefined && !isOwn));
    });
    if (entry === undefined && isOwn) return NOT_FOUND;
    this.requests.push(request);
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

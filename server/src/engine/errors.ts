/**
 * The one error the engine throws on purpose. It already carries the wire's status, because which status a rule answers
 * with is part of the rule; the HTTP face only prints it. Anything else that escapes is a defect and becomes a 500.
 */

export interface EngineErrorOptions {
  /** Extra keys of the JSON error body, such as the `attribute` of a refused type change. */
  extra?: Record<string, string>;
  /** Headers of the answer, such as `x-should-retry`. */
  headers?: Record<string, string>;
  /** The answer's body is the bare message, not JSON (the wire does this for bad names in the path). */
  plainText?: boolean;
  /** What went wrong below, for the log; it is never sent. */
  cause?: unknown;
}

export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly status: number;
  readonly extra: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly plainText: boolean;

  constructor(status: number, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.extra = options.extra ?? {};
    this.headers = options.headers ?? {};
    this.plainText = options.plainText ?? false;
  }
}

/** 400: the request is well formed but breaks a rule. */
export function badRequest(message: string, options?: EngineErrorOptions): EngineError {
  return new EngineError(400, message, options);
}

/** 422: valid JSON of the wrong shape; `path` is the field in dotted form, empty for the whole body. */
export function wrongShape(path: string, reason: string): EngineError {
  const where = path === "" ? "" : `${path}: `;
  return new EngineError(422, `Failed to deserialize the JSON body into the target type: ${where}${reason}`);
}

/** 404 in the words that clients match on. */
export function namespaceNotFound(name: string): EngineError {
  return new EngineError(404, `namespace '${name}' was not found`);
}

/** 400 for what the wire knows and this engine leaves out; never worth a retry. */
export function unsupported(feature: string): EngineError {
  return new EngineError(400, `not supported by this local engine: ${feature}`, {
    headers: { "x-should-retry": "false" },
  });
}

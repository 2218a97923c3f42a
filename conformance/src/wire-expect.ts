/** Comparing what a scripted server recorded with what a scenario says should have been sent. */
import { ABSENT, compare } from "./expect.js";
import type { Wire, WirePattern } from "./scenario.js";
import type { RecordedRequest } from "./script.js";
import { parseJson, type Value } from "./values.js";

/** Differences between the record and the pattern: number, order and content of requests. */
export function compareWire(recorded: readonly RecordedRequest[], wire: Wire): string[] {
  const { only } = wire;
  const judged = only === undefined ? recorded : recorded.filter((one) => lineOf(one).startsWith(only));
  if (judged.length !== wire.requests.length) {
    const seen = judged.map(lineOf).join(", ");
    return [`wire: ${judged.length} requests (${seen}), expected ${wire.requests.length}`];
  }
  return wire.requests.flatMap((pattern, index) =>
    compareRequest(judged[index] as RecordedRequest, pattern).map(
      (problem) => `wire: request ${index + 1}${problem}`,
    ),
  );
}

function lineOf(request: RecordedRequest): string {
  return `${request.method} ${request.path}`;
}

function compareRequest(request: RecordedRequest, pattern: WirePattern): string[] {
  const problems: string[] = [];
  if (pattern.method !== undefined) problems.push(...compare(request.method, pattern.method, "/method"));
  if (pattern.path !== undefined) problems.push(...compare(request.path, pattern.path, "/path"));
  if (pattern.query !== undefined) {
    const decoded = typeof pattern.query === "string" ? request.query : queryObject(request.query);
    problems.push(...compare(decoded, pattern.query, "/query", "exact"));
  }
  for (const [name, value] of Object.entries(pattern.headers ?? {})) {
    problems.push(...compare(request.headers[name] ?? ABSENT, value, `/headers/${name}`));
  }
  for (const name of pattern.absent_headers ?? []) {
    // The value may be a key: say only that the header was there.
    if (request.headers[name] !== undefined) problems.push(`/headers/${name}: was sent, expected none`);
  }
  const text = request.body.toString("utf8");
  if (pattern.text !== undefined) problems.push(...compare(text, pattern.text, "/text"));
  for (const mode of ["subset", "exact"] as const) {
    const body = mode === "subset" ? pattern.json : pattern.json_exact;
    if (body === undefined) continue;
    const parsed = tryParse(text);
    problems.push(
      ...(parsed === undefined
        ? [`/json: not JSON: ${text.slice(0, 200)}`]
        : compare(parsed, body, "/json", mode)),
    );
  }
  return problems;
}

function queryObject(query: string): Value {
  return Object.fromEntries(new URLSearchParams(query));
}

function tryParse(text: string): Value | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

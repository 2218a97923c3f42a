/** Writes `docs/observability.md` from the server's own tables of metrics; `--check` compares and changes nothing. */
import { metricCatalogue } from "../server/src/metric-catalogue.js";
import type { MetricDefinition, MetricFamily } from "../server/src/metric-tables/definition.js";
import { processMetrics } from "../server/src/metric-tables/process.js";
import { writeOrCheck } from "./made-page.js";

const titles: Record<MetricFamily, string> = {
  query: "Queries, metadata and the watermark",
  upsert: "Writes",
  fetch: "Fetches by id",
  cache: "The document cache",
  storage: "What stands behind the gateway",
  saturation: "How full it is",
};

const entries = Object.entries<MetricDefinition>({ ...metricCatalogue, ...processMetrics });

/** A table's cell: no line and no bar may end it. */
const cell = (text: string) => text.replaceAll("|", "\\|");

function section(family: MetricFamily): string {
  const own = entries.filter(([, metric]) => metric.family === family);
  const rows = own.map(([name, { kind, unit, labels, description }]) => {
    const labelled = labels.length === 0 ? "" : labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${kind} | ${unit} | ${labelled} | ${cell(description)} |`;
  });
  return `## ${titles[family]}

| metric | kind | unit | labels | meaning |
|---|---|---|---|---|
${rows.join("\n")}

\`\`\`yaml
${own.map(([name, metric]) => rule(name, metric)).join("\n")}
\`\`\`
`;
}

/** An alert as a file of Prometheus rules has it. */
function rule(name: string, { alert }: MetricDefinition): string {
  const title = name.replace(/(^|_)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());
  return [
    `- alert: ${title}`,
    `  expr: ${JSON.stringify(alert.expr)}`,
    ...(alert.for === "0m" ? [] : [`  for: ${alert.for}`]),
    `  annotations: { summary: ${JSON.stringify(alert.summary)} }`,
  ].join("\n");
}

const page = `<!-- Written by scripts/observability-page.ts from server/src/metric-tables/; edits are lost. -->

# Observability

Three things tell how a gateway is: \`/health\`, one line of log a request, and \`/metrics\`.
[failure-modes.md](failure-modes.md) says which of them shows what, and what to do.

## Health

\`GET /health\` answers 200 for as long as the process runs. For the upstream, the three stores and this replica it tells the
adapter, \`ok\` or \`degraded\`, and since when and why. \`GET /ready\` answers 200 while upstream answers, else 503: that one
belongs into a load balancer. With several workers, \`worker\` tells which of them has answered.

## The log

Lines of JSON on standard error. A request is one line, \`"msg":"request"\`, when its answer is out:

| field | meaning |
|---|---|
| \`request_id\` | the caller's \`x-request-id\` where it is harmless, else a new one; it is in the answer and goes upstream |
| \`method\`, \`operation\` | the operation of the specification; for an unknown route \`path\` instead |
| \`namespace\`, \`principal\` | which namespace, and the name of the key, never the key |
| \`status\`, \`code\` | status of the answer, and the error code where the answer is the gateway's own |
| \`duration_ms\`, \`upstream_ms\` | from the first byte to the last, and the part during which a call of upstream was open |
| \`upstream_calls\` | how many there were, when more than one |
| \`bytes_in\`, \`bytes_out\` | body after decompression; answer as sent |
| \`cache\` | \`hit\`, \`miss\`, \`miss-on-error\` |
| \`stable_as_of\`, \`stable_filter\`, \`retried\` | the watermark, whether the query was held to it, and whether it was sent again after a 429 |
| \`aborted\` | the caller left before the answer was out |
| \`err\` | what is behind an answer of 500 and above |
| \`worker\` | which process wrote it, with several workers |

\`error\`: someone must act now. \`warn\`: healed by itself, but watch. \`info\`: life cycle and requests. Keys, tokens and rows
are never logged.

## Metrics

\`GET /metrics\` answers in Prometheus' text format, for all workers together. It is open to everyone, but namespaces are named
only to a scrape with a key that may read them (\`authorization\` in the scrape configuration) or where
\`LAYER_METRICS_PUBLIC\` is true; others get the same metrics without the label, summed up, or the worst of them where a gauge
tells how bad something is.

At most 100 namespaces are told apart in a process. Those that come later are \`other\`, until one that nobody used for an hour
gives up its place; what it had counted stays in \`other\`. What a worker that died had counted stays as well, so a sum falls
only when the gateway is started anew. \`tpuf\` in a name stands for the upstream, also where that is the embedded engine.

The alerts are a beginning: thresholds belong to whoever runs the gateway.

${Object.keys(titles)
  .map((family) => section(family as MetricFamily))
  .join("\n")}`;

writeOrCheck("docs/observability.md", page, "npm run docs:metrics");

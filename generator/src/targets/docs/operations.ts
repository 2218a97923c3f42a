/** `operations.md`: every operation with its name in each language, its route and what a client may do on its own. */
import { header } from "../../header.js";
import type { Api, Operation } from "../../model.js";
import { goExported, snake } from "../../names.js";
import { routeText } from "../../route-text.js";

export function operationsPage(api: Api): string {
  const sections = api.tags.flatMap(({ name, doc }) => {
    const operations = api.operations.filter((operation) => operation.tag === name);
    return operations.length === 0 ? [] : [section(name, doc, operations)];
  });
  return `${header("html")}

# Operations

| column | meaning |
|---|---|
| TypeScript, Python, Go | The method in each client; Python has it on \`Hevlayer\` and \`AsyncHevlayer\`, Go a second time as \`<Name>WithPerf\`. |
| route | Two operations may share a method and a path; the query string tells them apart, and the body is what the gateway goes by. |
| scope | What the caller's key needs. |
| repeated | When a client tries again by itself. \`read\`, \`idempotent\`: after any failure that may pass. \`once\`: only when the first try surely was not processed. |
| falls through | Whether a client with a key of Turbopuffer's own asks Turbopuffer when the gateway cannot be reached. \`simple\`: a plain vector query only. \`native\`: only a body without \`vector\`, \`nearest_to_id\`, \`cursor\`, \`as_of\` and \`between\`, in it or in any of its queries, and without a ranking that is Layer's own. |

${sections.join("\n\n")}
`;
}

function section(tag: string, doc: string, operations: readonly Operation[]): string {
  const rows = operations.map((operation) => {
    const cells = [
      `\`${operation.id}\``,
      `\`${snake(operation.words)}\``,
      `\`${goExported(operation.words)}\``,
      `\`${routeText(operation)}\``,
      operation.access,
      operation.safe,
      operation.fallthrough,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return `## ${tag}

${doc}

| TypeScript | Python | Go | route | scope | repeated | falls through |
|---|---|---|---|---|---|---|
${rows.join("\n")}`;
}

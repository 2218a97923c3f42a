/**
 * The spec's prose as Go documentation. Go's tools expect a comment to begin with the name it documents, so a schema's
 * noun phrase becomes "Name is …" and an operation's imperative becomes "Name fetches …".
 */

/** Openings that read well after "Name is"; any other text follows a colon. */
const NOUN_OPENINGS = new Set(
  "A An The One How What Where Which Layer's Turbopuffer's Machine Settings Averages Documents".split(" "),
);

/** Words that keep their capital inside a sentence. */
const PROPER = new Set(["Layer", "Layer's", "Turbopuffer", "Turbopuffer's"]);

const QUESTIONS = new Set(["Is", "Are", "Should", "Does", "Can", "May"]);

/** `WriteRequest`, "A write body." → "WriteRequest is a write body." */
export function typeDoc(name: string, doc: string): string {
  if (doc === "") return "";
  const [first = ""] = doc.split(/[\s,]/, 1);
  return NOUN_OPENINGS.has(first) ? `${name} is ${lowerFirst(doc)}` : `${name}: ${doc}`;
}

/** `ListNamespaces`, "List namespaces" → "ListNamespaces lists namespaces." */
export function methodDoc(name: string, summary: string): string {
  const [verb = "", ...rest] = summary.split(" ");
  if (QUESTIONS.has(verb)) return `${name} answers: ${lowerFirst(summary)}?`;
  return `${name} ${[thirdPerson(verb.toLowerCase()), ...rest].join(" ")}.`;
}

function thirdPerson(verb: string): string {
  if (/[^aeiou]y$/.test(verb)) return `${verb.slice(0, -1)}ies`;
  return /(s|x|z|o|ch|sh)$/.test(verb) ? `${verb}es` : `${verb}s`;
}

export function lowerFirst(text: string): string {
  const [first = ""] = text.split(/[\s,]/, 1);
  return PROPER.has(first) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

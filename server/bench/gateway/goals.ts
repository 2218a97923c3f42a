/** What a benchmark found, each beside its goal. */

export interface Finding {
  readonly name: string;
  /** A ratio, unless the unit says otherwise. */
  readonly value: number;
  readonly unit?: "ms";
  /** Undefined for what is told without being judged. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
  /** What the value was made from. */
  readonly detail: string;
}

type Verdict = "met" | "missed" | "";

function verdict({ value, goal }: Finding): Verdict {
  if (goal === undefined) return "";
  const isMet = "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
  return isMet ? "met" : "missed";
}

/** One line a finding: verdict, value, goal, name, detail. */
export function table(findings: readonly Finding[]): string {
  const lines = findings.map((finding) => {
    const { name, value, unit = "", goal, detail } = finding;
    const wanted = goal === undefined ? "" : "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
    return [
      verdict(finding).padEnd(6),
      `${value.toFixed(2)} ${unit}`.padStart(9),
      wanted.padEnd(7),
      `${name}: ${detail}`,
    ].join("  ");
  });
  return `${lines.join("\n")}\n`;
}

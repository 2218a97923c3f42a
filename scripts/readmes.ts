/** Reads the samples out of the guides: fenced blocks by language, in order. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./running-gateway.js";

export interface Sample {
  /** File and ordinal, for the test's name: `README.md #2`. */
  name: string;
  language: string;
  text: string;
}

/** The fenced blocks of a Markdown file, without the indentation of the fence. */
export function samplesOf(file: string, languages: readonly string[]): Sample[] {
  const samples: Sample[] = [];
  const fence = /^( *)```(\w+)\n([\s\S]*?)^\1```/gm;
  for (const [, indent = "", language = "", text = ""] of readFileSync(join(ROOT, file), "utf8").matchAll(
    fence,
  )) {
    if (!languages.includes(language)) continue;
    const unindented = text.replace(new RegExp(`^${indent}`, "gm"), "");
    samples.push({ name: `${file} #${samples.length + 1}`, language, text: unindented });
  }
  return samples;
}

import { describe, expect, it } from "vitest";
import { GO, PYTHON, TYPESCRIPT, wrapText } from "./dialects.js";
import { header, isGenerated } from "./header.js";
import { Printer } from "./printer.js";

describe("Printer", () => {
  it("prints each TypeScript import once, sorted, types apart from values", () => {
    const printer = new Printer(TYPESCRIPT);
    printer.import({ from: "./types.js", name: "B", typeOnly: true });
    printer.import({ from: "./types.js", name: "A", typeOnly: true });
    printer.import({ from: "./call.js", name: "run" });
    printer.import({ from: "./call.js", name: "Call", typeOnly: true });
    printer.import({ from: "./call.js", name: "run", typeOnly: true });
    expect(printer.line("run();").toString()).toBe(
      `${header("slash")}\n\nimport { type Call, run } from "./call.js";\nimport type { A, B } from "./types.js";\n\nrun();\n`,
    );
  });

  it("groups Python imports as isort does, types under TYPE_CHECKING", () => {
    const printer = new Printer(PYTHON).preamble('"""Doc."""');
    printer.import({ from: "msgspec" });
    printer.import({ from: "__future__", name: "annotations" });
    printer.import({ from: "typing", name: "Any" });
    printer.import({ from: "._base", name: "Base" });
    printer.import({ from: "._types", name: "Row", typeOnly: true });
    expect(printer.line("x = 1").toString().split("\n").slice(2)).toEqual([
      '"""Doc."""',
      "",
      "from __future__ import annotations",
      "",
      "from typing import TYPE_CHECKING, Any",
      "",
      "import msgspec",
      "",
      "from ._base import Base",
      "",
      "if TYPE_CHECKING:",
      "    from ._types import Row",
      "",
      "x = 1",
      "",
    ]);
  });

  it("puts Go's package clause before its imports", () => {
    const printer = new Printer(GO).preamble("package hevlayer");
    expect(printer.import({ from: "net/url" })).toBe("url");
    expect(printer.line("var _ = url.Parse").toString()).toContain(
      'package hevlayer\n\nimport (\n\t"net/url"\n)\n\nvar _',
    );
  });

  it("keeps text from ending a comment or a docstring early", () => {
    const typescript = new Printer(TYPESCRIPT).doc("ends */ here").toString();
    const python = new Printer(PYTHON).doc('a """ and a \\ here"').toString();
    expect(typescript).toContain("/** ends *\\/ here */");
    expect(python).toContain('"""a \\"\\"\\" and a \\\\ here" """');
  });

  it("indents every line of a block and leaves out empty documentation", () => {
    const printer = new Printer(GO);
    printer.block(
      "func f() {",
      () => printer.doc("").block("if x {", () => printer.line("a\n\nb"), "}"),
      "}",
    );
    expect(printer.toString().split("\n").slice(2, -1)).toEqual([
      "func f() {",
      "\tif x {",
      "\t\ta",
      "",
      "\t\tb",
      "\t}",
      "}",
    ]);
  });
});

describe("wrapText", () => {
  it("reflows paragraphs and hangs list items and tags", () => {
    const text = "one two three\nfour five\n\n- a long list item\n- b\n\n@param name words that go on";
    expect(wrapText(text, 14)).toEqual([
      "one two three",
      "four five",
      "",
      "- a long list",
      "  item",
      "- b",
      "",
      "@param name",
      "  words that",
      "  go on",
    ]);
  });

  it("keeps the lines of code", () => {
    expect(wrapText("```ts\nconst   a = 1; // long enough to be wrapped\n```", 10)).toEqual([
      "```ts",
      "const   a = 1; // long enough to be wrapped",
      "```",
    ]);
  });
});

describe("header", () => {
  it("is recognised by Go's tools, and by us in every syntax", () => {
    expect(header("slash")).toMatch(/^\/\/ Code generated .* DO NOT EDIT\.$/);
    for (const syntax of ["slash", "hash", "html"] as const)
      expect(isGenerated(`${header(syntax)}\nx`)).toBe(true);
    expect(isGenerated(`// hand-written\n${header("slash")}\n`)).toBe(false);
  });
});

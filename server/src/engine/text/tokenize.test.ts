import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { foldToAscii } from "./ascii-folding.js";
import { tokenize } from "./tokenize.js";

describe("word_v4", () => {
  it.each([
    ["don't stop 3.14 foo_bar", ["don't", "stop", "3.14", "foo_bar"]],
    ["self-evident, (truths)", ["self", "evident", "truths"]],
    ["1,000 a.b c:d x;y", ["1,000", "a.b", "c:d", "x", "y"]],
    ["日本語 テスト", ["日", "本", "語", "テスト"]],
    ["走る", ["走", "る"]],
    ["Привет, мир! naïve", ["Привет", "мир", "naïve"]],
    ["hi 🎉 there", ["hi", "there"]],
    ["مرحبا بالعالم", ["مرحبا", "بالعالم"]],
    ["", []],
  ])("splits %j", (text, words) => {
    expect(tokenize(text, "word_v4")).toEqual(words);
  });

  it("splits ASCII text as the host's segmenter does", () => {
    // Without the colon: whether it joins letters differs between versions of the host's data.
    const segmenter = new Intl.Segmenter("en", { granularity: "word" });
    const ascii = fc.string({ unit: fc.constantFrom(..."abZ019_'.,; -!\"\n"), maxLength: 20 });
    fc.assert(
      fc.property(ascii, (text) => {
        const segments = Array.from(segmenter.segment(text), ({ segment }) => segment);
        expect(tokenize(text, "word_v4")).toEqual(segments.filter((segment) => /[a-z0-9]/i.test(segment)));
      }),
      { numRuns: runs(1_000) },
    );
  });

  it("takes for words what holds a letter or a number, and nothing else", () => {
    expect(tokenize("〻 ½ — 🎉 _ ⅷ", "word_v4")).toEqual(["〻", "½", "ⅷ"]);
  });

  it("loses no letter or digit of any script", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
        const letters = (value: string) => (value.match(/[\p{L}\p{Nd}]/gu) ?? []).join("");
        expect(letters(tokenize(text, "word_v3").join(""))).toBe(letters(text));
      }),
    );
  });
});

it("word_v2 to word_v0 take runs of alphanumerics, and differ on ideographs and emoji", () => {
  const text = "don't 日本 a🎉b";
  expect(tokenize(text, "word_v2")).toEqual(["don", "t", "日", "本", "a", "🎉", "b"]);
  expect(tokenize(text, "word_v1")).toEqual(["don", "t", "日本", "a", "🎉", "b"]);
  expect(tokenize(text, "word_v0")).toEqual(["don", "t", "日本", "a", "b"]);
});

it("folds accents and ligatures of Latin letters only", () => {
  expect(foldToAscii("Crème brûlée, Straße, Œuvre, Łódź")).toBe("Creme brulee, Strasse, OEuvre, Lodz");
  expect(foldToAscii("ёлка")).toBe("ёлка");
});

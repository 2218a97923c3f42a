import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasScope, isGranted, type Scope } from "./principal.js";

const holder = (grants: string[], scopes: Scope[] = []) => ({ name: "k", scopes: new Set(scopes), grants });

describe("a grant", () => {
  it.each([
    ["*", "anything", true],
    ["prod-*", "prod-", true],
    ["prod-*", "prod-a.b_c", true],
    ["prod-*", "pre-prod-a", false],
    ["*-eu", "films-eu", true],
    ["*-eu", "films-eu-2", false],
    ["a*b*c", "a1b2b3c", true],
    ["a*b*c", "a1c2b", false],
    ["film?", "films", true],
    ["film?", "film", false],
    ["Films", "films", false],
    ["a.c", "abc", false],
    ["", "a", false],
  ])("%s over %s is %s", (glob, name, granted) => {
    expect(isGranted(holder([glob]), name)).toBe(granted);
  });

  it("matches as the regular expression that it spells", () => {
    const glob = fc.stringOf(fc.constantFrom("a", "b", ".", "*", "?"), { maxLength: 8 });
    const name = fc.stringOf(fc.constantFrom("a", "b", "."), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(glob, name, (pattern, text) => {
        const source = pattern.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
        expect(isGranted(holder([pattern]), text)).toBe(new RegExp(`^${source}$`).test(text));
      }),
    );
  });

  it("is decided quickly however many stars it has", () => {
    const before = performance.now();
    expect(isGranted(holder([`${"*a".repeat(60)}b`]), "a".repeat(128))).toBe(false);
    // Trying every split would outlast the machine.
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it("is needed from one of several, and none grants nothing", () => {
    expect(isGranted(holder(["a", "b"]), "b")).toBe(true);
    expect(isGranted(holder([]), "b")).toBe(false);
  });
});

describe("a scope", () => {
  it("is had by itself or through admin, and write is not read", () => {
    expect(hasScope(holder([], ["write"]), "read")).toBe(false);
    expect(hasScope(holder([], ["write"]), "write")).toBe(true);
    expect(hasScope(holder([], ["admin"]), "read")).toBe(true);
    expect(hasScope(holder([], ["read"]), "admin")).toBe(false);
  });
});

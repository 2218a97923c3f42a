/**
 * The kinds of settings there are: how a variable's text becomes a value, or breaks a rule. `settings.ts` says which
 * variables exist.
 */

import path from "node:path";

/** A variable's text turned into its value, or the rule that it broke. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; rule: string };

export interface Setting<T> {
  readonly name: string;
  /** The value when the variable is absent or blank. */
  readonly fallback: T;
  /** The default in words, where the value alone would not say it. */
  readonly defaultText: string;
  readonly unit: string;
  /** What it does, and where a number's default comes from. */
  readonly meaning: string;
  /** Its value must never be printed. */
  readonly secret: boolean;
  parse(text: string): Parsed<T>;
}

interface Words {
  unit: string;
  meaning: string;
}

interface Pattern {
  pattern: RegExp;
  rule: string;
}

/** Text that keeps to a pattern. */
export function text(name: string, fallback: string, about: Words & Pattern): Setting<string> {
  const { unit, meaning } = about;
  return { name, fallback, defaultText: fallback, unit, meaning, secret: false, parse: matching(about) };
}

/** Text without a default; `parse` follows. */
export function optional(name: string, about: Words): Omit<Setting<string | undefined>, "parse"> {
  return { name, fallback: undefined, defaultText: "none", ...about, secret: false };
}

/** Text without a default that keeps to a pattern. */
export function optionalText(name: string, about: Words & Pattern): Setting<string | undefined> {
  const { unit, meaning } = about;
  return { ...optional(name, { unit, meaning }), parse: matching(about) };
}

/** As `optionalText`, and never printed. */
export function secret(name: string, about: Words & Pattern): Setting<string | undefined> {
  return { ...optionalText(name, about), secret: true };
}

/** Yes or no; no unless it is set. */
export function flag(name: string, { meaning }: { meaning: string }): Setting<boolean> {
  return {
    name,
    fallback: false,
    defaultText: "false",
    unit: "boolean",
    meaning,
    secret: false,
    parse: (value) =>
      value === "true" || value === "false"
        ? { ok: true, value: value === "true" }
        : { ok: false, rule: "must be true or false" },
  };
}

/** A path, made absolute. */
export function filePath(name: string, fallback: string, about: Words): Setting<string> {
  return { ...text(name, fallback, { ...about, ...PATH }), parse: parsePath };
}

/** A path without a default, made absolute. */
export function optionalPath(name: string, about: Words): Setting<string | undefined> {
  return { ...optional(name, about), parse: parsePath };
}

/** A whole number within bounds. */
export function integer(
  name: string,
  fallback: number,
  about: Words & { min: number; max: number },
): Setting<number> {
  return {
    name,
    fallback,
    defaultText: String(fallback),
    unit: about.unit,
    meaning: about.meaning,
    secret: false,
    parse: (value) => {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
      return number >= about.min && number <= about.max
        ? { ok: true, value: number }
        : { ok: false, rule: `must be a whole number from ${about.min} to ${about.max}` };
    },
  };
}

/** A base URL of HTTP; slashes at its end are dropped. */
export function optionalHttpUrl(name: string, about: Words): Setting<string | undefined> {
  return { ...optional(name, about), parse: parseHttpUrl };
}

/** The address of a PostgreSQL database; it may hold a password. */
export function optionalDatabaseUrl(name: string, about: Words): Setting<string | undefined> {
  return {
    ...optional(name, about),
    secret: true,
    parse: (value) =>
      databaseAddress(value) === undefined
        ? { ok: false, rule: "must be postgres://user:password@host:port/database" }
        : { ok: true, value },
  };
}

/** Host, port and database of a connection string, without what is secret; undefined when it is none. */
export function databaseAddress(value: string): string | undefined {
  let url: URL;
  try {
    // Where the host is a socket's directory, it stands in the query and its own place is empty.
    url = new URL(value.replace("@/", "@localhost/"));
  } catch {
    return undefined;
  }
  if (!/^postgres(ql)?:$/.test(url.protocol)) return undefined;
  const host = url.searchParams.get("host") ?? (url.host || "localhost");
  return `${host}${url.pathname === "/" ? "" : url.pathname}`;
}

/** Origins of pages, or `*`. */
export function parseOrigins(value: string): Parsed<readonly string[]> {
  const origins = value
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "");
  const wrong = origins.find((origin) => origin !== "*" && !isOrigin(origin));
  return wrong === undefined
    ? { ok: true, value: origins }
    : { ok: false, rule: `must be * or origins such as https://app.example.com, which '${wrong}' is not` };
}

const PATH: Pattern = { pattern: /^[^\0]+$/, rule: "must be a path" };

function parsePath(value: string): Parsed<string> {
  return PATH.pattern.test(value) ? { ok: true, value: path.resolve(value) } : { ok: false, rule: PATH.rule };
}

function matching({ pattern, rule }: Pattern): (value: string) => Parsed<string> {
  return (value) => (pattern.test(value) ? { ok: true, value } : { ok: false, rule });
}

function parseHttpUrl(value: string): Parsed<string | undefined> {
  const rule = "must be an http or https URL without credentials, query or fragment";
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return { ok: false, rule };
  }
  const bare = url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!bare || !/^https?:$/.test(url.protocol)) return { ok: false, rule };
  return { ok: true, value: url.href.replace(/\/+$/, "") };
}

function isOrigin(value: string): boolean {
  try {
    return new URL(value).origin === value;
  } catch {
    return false;
  }
}

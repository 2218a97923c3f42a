/** Datetimes: ISO 8601 in, milliseconds since the epoch inside, nine fractional digits out. */

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Milliseconds since the epoch (finer digits are dropped), or `undefined` when the text is no datetime. No zone means UTC. */
export function parseDatetime(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  const ms = Number(fraction.padEnd(3, "0").slice(0, 3));
  const parts = [
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    ms,
  ];
  const date = new Date(0);
  date.setUTCFullYear(parts[0] as number, parts[1], parts[2]);
  date.setUTCHours(parts[3] as number, parts[4], parts[5], parts[6]);
  // Date rolls 31 February over to March; a value that moved was no real date.
  const kept =
    date.getUTCMonth() === parts[1] &&
    date.getUTCDate() === parts[2] &&
    date.getUTCHours() === parts[3] &&
    date.getUTCMinutes() === parts[4] &&
    date.getUTCSeconds() === parts[5];
  const offsetMs = zoneOffsetMs(zone);
  return kept && offsetMs !== undefined ? date.getTime() - offsetMs : undefined;
}

function zoneOffsetMs(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === "Z" || zone === "z") return 0;
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  const hours = Number(digits.slice(0, 2));
  const minutes = Number(digits.slice(2));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** `2026-05-30T00:00:00.000000000Z`. */
export function formatDatetime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000000Z");
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of a duration such as `6h` or `1.5d` (units s, m, h, d, w), or `undefined`. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([smhdw])$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] as string] as number);
}

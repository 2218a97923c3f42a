/**
 * The mark of a cached record: what the record is, in a few bytes that every replica understands.
 *
 * `live` alone may be served. Everything else says why not, and whose business the record is until then:
 *
 * absent, live, gone, unsure, lease ── a write begins ──► pending
 * pending ── its only writer was applied ──► live (a delete: gone)
 * pending ── its only writer was refused ──► what it was before, if that is still there, else unsure
 * pending ── one of several writers was applied ──► pending and contended ── the last one is over ──► unsure
 * absent, unsure, gone, of an older epoch ── a reader asks upstream ──► lease ── its answer, if the lease still stands ──► live
 *
 * | at | bytes | |
 * |---|---|---|
 * | 0 | 1 | format |
 * | 1 | 1 | kind |
 * | 2 | 1 | form of the vector (`live`, `pending` over one); bit 7: pending over a live record, bit 6: contended |
 * | 3 | 6 | epoch-ms: since when (`live`, `gone`, `unsure`), or nothing |
 * | 9 | 14 each | token (8) and end (6, epoch-ms) of every writer, or of the lease |
 */

/** How the bytes of a vector are to be read. `unknown`: none is kept, which does not say that the row has none. */
export type VectorForm = "unknown" | "float32" | "json";

/** Someone whose effect on the row is not known yet. */
export interface Claim {
  /** 16 hexadecimal digits, unique to one write or one read. */
  readonly token: string;
  /** Epoch-ms after which the effect has happened or never will. */
  readonly until: number;
}

export type RecordMark =
  | { readonly kind: "live"; readonly since: number; readonly vector: VectorForm }
  /** A delete was applied. `unsure`: only upstream knows what the row is. */
  | { readonly kind: "gone" | "unsure"; readonly since: number }
  | { readonly kind: "lease"; readonly claim: Claim }
  | {
      readonly kind: "pending";
      readonly writers: readonly Claim[];
      /** Some write that met another was applied: which of them came last is unknown. */
      readonly contended: boolean;
      /** The record was live and its parts are still under the mark, with a vector of this form. */
      readonly over: VectorForm | undefined;
    }
  /** Written by a version of the gateway that this one does not know. */
  | { readonly kind: "foreign" };

const FORMAT = 1;
const HEADER_BYTES = 9;
const CLAIM_BYTES = 14;
const KINDS = ["live", "gone", "unsure", "lease", "pending"] as const;
const FORMS: readonly VectorForm[] = ["unknown", "float32", "json"];
const OVER_LIVE = 0x80;
const CONTENDED = 0x40;
const FORM_BITS = 0x3f;

/** Most writers a mark names; a further one goes unnamed, and whoever settles does not find itself. */
export const WRITERS_MAX = 64;

export function encodeMark(mark: Exclude<RecordMark, { kind: "foreign" }>): Buffer {
  const claims = mark.kind === "pending" ? mark.writers : mark.kind === "lease" ? [mark.claim] : [];
  // From the pool, hence written to the last byte: one of its own for every mark would be work for the collector.
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + claims.length * CLAIM_BYTES);
  bytes.fill(0, 0, HEADER_BYTES);
  bytes[0] = FORMAT;
  bytes[1] = KINDS.indexOf(mark.kind);
  if (mark.kind === "live") bytes[2] = FORMS.indexOf(mark.vector);
  if (mark.kind === "pending") {
    const over = mark.over === undefined ? 0 : OVER_LIVE | FORMS.indexOf(mark.over);
    bytes[2] = over | (mark.contended ? CONTENDED : 0);
  }
  if ("since" in mark) bytes.writeUIntBE(Math.floor(mark.since), 3, 6);
  for (const [index, claim] of claims.entries()) {
    const at = HEADER_BYTES + index * CLAIM_BYTES;
    bytes.write(claim.token, at, 8, "hex");
    bytes.writeUIntBE(Math.floor(claim.until), at + 8, 6);
  }
  return bytes;
}

export function decodeMark(mark: Uint8Array): RecordMark {
  const bytes = Buffer.from(mark.buffer, mark.byteOffset, mark.byteLength);
  const kind = KINDS[bytes[1] ?? -1];
  if (bytes[0] !== FORMAT || kind === undefined || bytes.length < HEADER_BYTES) return { kind: "foreign" };
  const flags = bytes[2] ?? 0;
  const vector = FORMS[flags & FORM_BITS] ?? "unknown";
  if (kind === "live") return { kind, since: bytes.readUIntBE(3, 6), vector };
  if (kind === "gone" || kind === "unsure") return { kind, since: bytes.readUIntBE(3, 6) };
  const claims: Claim[] = [];
  for (let at = HEADER_BYTES; at + CLAIM_BYTES <= bytes.length; at += CLAIM_BYTES)
    claims.push({ token: bytes.toString("hex", at, at + 8), until: bytes.readUIntBE(at + 8, 6) });
  if (kind === "lease") {
    const [claim] = claims;
    return claim === undefined ? { kind: "foreign" } : { kind, claim };
  }
  const over = (flags & OVER_LIVE) === 0 ? undefined : vector;
  return { kind, writers: claims, contended: (flags & CONTENDED) !== 0, over };
}

/** Whether a mark is that of a live record, told without reading the rest: every hit asks. */
export function isLiveMark(mark: Uint8Array): boolean {
  return mark[0] === FORMAT && mark[1] === 0 && mark.length >= HEADER_BYTES;
}

/** The form of the vector of a live record. */
export function vectorFormOf(mark: Uint8Array): VectorForm {
  return FORMS[(mark[2] ?? 0) & FORM_BITS] ?? "unknown";
}

/** Whether two marks are the same. */
export function isSameMark(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = one.length - 1; at >= 0; at--) if (one[at] !== other[at]) return false;
  return true;
}

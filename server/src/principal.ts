/**
 * Who is calling. One place makes a principal from the request's credentials (`http/auth.ts`); everything behind it
 * asks the principal and never looks at the header again.
 */

/** `admin` implies the other two; `write` does not imply `read`. */
export type Scope = "read" | "write" | "admin";

export interface Principal {
  /** For logs and refusals; never the credential. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Globs over whole namespace names: `*` any run, `?` one character, the rest literal and case-sensitive. */
  readonly grants: readonly string[];
}

/** True when the principal may act with `scope`. */
export function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.has(scope) || principal.scopes.has("admin");
}

/** True when one of the principal's grants covers the whole name of `namespace`. */
export function isGranted(principal: Principal, namespace: string): boolean {
  return principal.grants.some((glob) => glob === "*" || globMatches(glob, namespace));
}

/** Two-pointer match: linear in practice and never exponential, whatever the glob. */
function globMatches(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (glob[g] === "*") {
      star = g++;
      resume = n;
    } else if (g < glob.length && (glob[g] === "?" || glob[g] === name[n])) {
      g++;
      n++;
    } else if (star >= 0) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}

/**
 * Namespace names as Turbopuffer allows them, refused in its own words, so that a client that knows those words reads them
 * here too. `.` and `..` are in the alphabet but would change the meaning of a path, so they are refused as well.
 */

const LENGTH_MAX = 128;

/** The plain-text body of the 400 for `name`, or undefined when the name is good. `name` is decoded. */
export function namespaceNameProblem(name: string): string | undefined {
  if (name === "." || name === ".." || !/^[A-Za-z0-9\-_.]+$/.test(name)) {
    return "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]";
  }
  if (name.length > LENGTH_MAX) {
    return `Invalid URL: Namespace \`${name}\` is too long, limit is currently ${LENGTH_MAX} characters`;
  }
  return undefined;
}

/** The problem of a path whose namespace segment is not even percent-encoded properly; undefined for any other path. */
export function undecodableNamespaceProblem(path: string): string | undefined {
  const segment = /^\/v[12]\/namespaces\/([^/]*)/.exec(path)?.[1];
  if (segment === undefined) return undefined;
  try {
    decodeURIComponent(segment);
    return undefined;
  } catch {
    return namespaceNameProblem(segment);
  }
}

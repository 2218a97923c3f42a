/** The labels a caller gives a search, in the header `x-hevlayer-tags` or its alias `x-hevlayer-tag`. */

import { AppError } from "../../errors.js";
import type { RequestContext } from "../context.js";

const tagsMax = 32;
/** A tag's alphabet is ASCII, so characters are bytes. */
const tagBytesMax = 128;
const tagPattern = /^[A-Za-z0-9:_\-./=+]+$/;

/** @throws AppError `validation_error` for more than 32 different tags, a long one, or a character no tag has */
export function checkSearchTags({ headers }: Pick<RequestContext, "headers">): void {
  const tags = new Set<string>();
  for (const name of ["x-hevlayer-tags", "x-hevlayer-tag"]) {
    const value = headers[name];
    if (value === undefined) continue;
    for (const tag of (typeof value === "string" ? value : value.join(",")).split(","))
      checkTag(tag.trim(), name, tags);
  }
}

function checkTag(tag: string, header: string, tags: Set<string>): void {
  if (tag === "") return;
  if (tag.length > tagBytesMax)
    throw new AppError(
      "validation_error",
      `${header}: a tag has at most ${tagBytesMax} bytes, got ${tag.length}`,
    );
  if (!tagPattern.test(tag)) {
    throw new AppError(
      "validation_error",
      `${header}: a tag is made of ASCII letters, digits and : _ - . / = +, got '${tag}'`,
    );
  }
  tags.add(tag);
  if (tags.size > tagsMax)
    throw new AppError("validation_error", `${header}: at most ${tagsMax} different tags may be given`);
}

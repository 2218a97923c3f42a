/**
 * Given to Node.js by `--import`: lets a process find packages elsewhere, or not at all, as `LAYER_TEST_PACKAGES` says: a JSON
 * object of names and URLs, with null for a package that is not to be found.
 */

import { register } from "node:module";

const hook = `
  const packages = ${process.env.LAYER_TEST_PACKAGES ?? "{}"};
  export async function resolve(specifier, context, next) {
    const url = packages[specifier];
    if (url === undefined) return next(specifier, context);
    if (url !== null) return next(url, context);
    const error = new Error("Cannot find package '" + specifier + "'");
    throw Object.assign(error, { code: "ERR_MODULE_NOT_FOUND" });
  }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

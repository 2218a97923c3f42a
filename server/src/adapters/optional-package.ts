/**
 * Loads a package the gateway can do without. The native clients of the larger stores are not installed with it; whoever
 * configures such a store installs its client beside the gateway.
 */

/** An optional package is needed by the configuration and not installed. */
export class PackageMissing extends Error {
  override readonly name = "PackageMissing";
}

/**
 * @param request.load imports it, as `() => import("pg")`, so that bundlers and types see the name
 * @param request.neededBy the variable whose value needs it
 * @throws PackageMissing in one line that says what to install; other failures of the package as they are
 */
export async function loadOptionalPackage<T>(request: {
  name: string;
  versions: string;
  neededBy: string;
  load: () => Promise<T>;
}): Promise<T> {
  const { name, versions, neededBy, load } = request;
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    throw new PackageMissing(
      `${neededBy} is set but the package ${name} is not installed: npm install ${name}@${versions}`,
      { cause: error },
    );
  }
}

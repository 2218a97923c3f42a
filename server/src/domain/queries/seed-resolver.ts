/** What a query by `nearest_to_id` needs of whoever knows documents' vectors. */

import type { RequestContext } from "../context.js";

export interface SeedResolver {
  /**
   * The point to search from: the component-wise mean of the vectors that `ids` have in the attribute `vector`, each
   * counted as often as it is given.
   *
   * @param ids in string form, at least one
   * @throws AppError `not_found` listing every id without a vector; `validation_error` for vectors of different length
   * @throws UpstreamRefused when upstream refuses the read of a document
   */
  resolveSeeds(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
  ): Promise<readonly number[]>;
}

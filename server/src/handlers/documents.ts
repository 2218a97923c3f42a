/** Reads of documents by id. */

import type { RequestContext } from "../domain/context.js";
import type { Documents } from "../domain/operations.js";
import type { DocumentsHandlers } from "../generated/handlers.js";

export function createDocumentsHandlers(documents: Documents): DocumentsHandlers<RequestContext> {
  return {
    fetchDocument: ({ path, query, context }) =>
      documents.fetchDocument(context, path.namespace, path.doc_id, query.include_attributes),
    // The bytes, not the parsed body: ids up to 2^64-1 must keep their exact text.
    fetchDocuments: ({ path, bytes, context }) => documents.fetchDocuments(context, path.namespace, bytes),
  };
}

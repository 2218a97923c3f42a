/** Writing to, describing, listing and deleting namespaces. */

import type { RequestContext } from "../domain/context.js";
import type { Namespaces, Writes } from "../domain/operations.js";
import type { NamespacesHandlers } from "../generated/handlers.js";

export function createNamespacesHandlers(
  writes: Writes,
  namespaces: Namespaces,
): NamespacesHandlers<RequestContext> {
  return {
    listNamespaces: ({ query, context }) =>
      namespaces.listNamespaces(context, {
        prefix: query.prefix,
        cursor: query.cursor,
        pageSize: query.page_size,
      }),
    writeNamespace: ({ path, bytes, context }) => writes.writeNamespace(context, path.namespace, bytes),
    deleteNamespace: ({ path, context }) => namespaces.deleteNamespace(context, path.namespace),
    getNamespaceMetadata: ({ path, context }) => namespaces.getNamespaceMetadata(context, path.namespace),
    listTurbopufferNamespaces: ({ context }) => namespaces.listTurbopufferNamespaces(context),
    getTurbopufferV1NamespaceMetadata: ({ path, context }) =>
      namespaces.getTurbopufferV1NamespaceMetadata(context, path.namespace),
    updateTurbopufferNamespaceMetadata: ({ path, bytes, context }) =>
      namespaces.updateTurbopufferNamespaceMetadata(context, path.namespace, bytes),
    getTurbopufferNamespaceSchema: ({ path, context }) =>
      namespaces.getTurbopufferNamespaceSchema(context, path.namespace),
    updateTurbopufferNamespaceSchema: ({ path, bytes, context }) =>
      namespaces.updateTurbopufferNamespaceSchema(context, path.namespace, bytes),
  };
}

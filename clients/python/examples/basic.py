"""Write documents, read them back by id, patch one, and clean up.

Run with LAYER_GATEWAY_URL and LAYER_GATEWAY_API_KEY set.
"""

from __future__ import annotations

from hevlayer import Hevlayer, NotFoundError

NAMESPACE = "example-basic"


def main() -> None:
    with Hevlayer() as client:
        client.write_namespace(
            NAMESPACE,
            {
                "upsert_rows": [
                    {"id": "sku-17", "vector": [0.1, 0.2], "title": "Trail shoe", "price": 89},
                    {"id": "sku-18", "vector": [0.3, 0.1], "title": "Rain jacket", "price": 129},
                ],
                "distance_metric": "cosine_distance",
            },
        )
        client.write_namespace(
            NAMESPACE, {"patch_rows": [{"id": "sku-17", "price": 79}], "deletes": ["sku-18"]}
        )

        document = client.fetch_document(NAMESPACE, "sku-17", include_attributes=["title", "price"])
        print(document.id, document.attributes)

        found = client.fetch_documents(NAMESPACE, {"ids": ["sku-17", "sku-18"]})
        print("found", [each.id for each in found.documents], "missing", found.missing)

        try:
            client.fetch_document(NAMESPACE, "sku-18")
        except NotFoundError as error:
            print(error.message)

        metadata = client.get_namespace_metadata(NAMESPACE)
        print(metadata.id, metadata.approx_row_count, "rows")
        print(client.delete_namespace(NAMESPACE).status)


if __name__ == "__main__":
    main()

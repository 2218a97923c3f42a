"""Search by vector under a filter, by text, and count; asynchronously and with timings.

Run with LAYER_GATEWAY_URL and LAYER_GATEWAY_API_KEY set.
"""

from __future__ import annotations

import asyncio

from hevlayer import AsyncHevlayer

NAMESPACE = "example-query"


async def main() -> None:
    async with AsyncHevlayer() as client:
        await client.write_namespace(
            NAMESPACE,
            {
                "upsert_rows": [
                    {"id": 1, "vector": [0.1, 0.2], "title": "Trail shoe", "price": 89},
                    {"id": 2, "vector": [0.3, 0.1], "title": "Rain jacket", "price": 129},
                    {"id": 3, "vector": [0.1, 0.3], "title": "Road shoe", "price": 119},
                ],
                "distance_metric": "cosine_distance",
                "schema": {"title": {"type": "string", "full_text_search": True}},
            },
        )
        try:
            await search(client)
        finally:
            await client.delete_namespace(NAMESPACE)


async def search(client: AsyncHevlayer) -> None:
    by_vector = await client.query_namespace(
        NAMESPACE,
        {
            "vector": [0.1, 0.2],
            "top_k": 2,
            "filters": ["price", "Lt", 120],
            "include_attributes": ["title"],
        },
        with_perf=True,
    )
    for row in by_vector.data.rows or []:
        print(f"{row.id} {row.dist:.4f} {row['title']}")
    print(f"{by_vector.perf.latency_ms:.1f} ms")

    by_text, count = await asyncio.gather(
        client.query_namespace(
            NAMESPACE,
            {"rank_by": ["title", "BM25", "shoe"], "limit": 5, "include_attributes": ["title"]},
        ),
        client.query_namespace(
            NAMESPACE, {"aggregate_by": {"total": ["Count"]}, "filters": ["price", "Lt", 120]}
        ),
    )
    print([row["title"] for row in by_text.rows or []])
    print(count.aggregations)


if __name__ == "__main__":
    asyncio.run(main())

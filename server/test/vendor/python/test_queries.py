"""Every way of ranking: by vector, by text, by both at once, by attribute."""

import pytest
from turbopuffer.lib.namespace import Namespace

from context import Context, distances, ids, shown

FOX = ["red fox", "red fox red fox", "blue bird sings"]


def close(*wanted: float) -> object:
    return pytest.approx(list(wanted), abs=2e-6)


def write_texts(namespace: Namespace) -> None:
    namespace.write(
        upsert_rows=[
            {"id": n, "text": text, "kind": "fox" if n < 3 else "bird"} for n, text in enumerate(FOX, 1)
        ],
        schema={"text": {"type": "string", "full_text_search": True}},
    )


def write_vectors_and_texts(namespace: Namespace) -> None:
    namespace.write(
        upsert_rows=[{"id": n + 1, "vector": [float(n), 0.0], "text": text} for n, text in enumerate(FOX)],
        distance_metric="euclidean_squared",
        schema={"text": {"type": "string", "full_text_search": True}},
    )


def test_query_by_vector(context: Context) -> None:
    points = context.namespace()
    points.write(
        upsert_rows=[
            {"id": 1, "vector": [1.0, 2.0], "kind": "a"},
            {"id": 2, "vector": [3.0, 4.0], "kind": "b"},
        ],
        distance_metric="cosine_distance",
    )
    near = points.query(rank_by=("vector", "ANN", [1.0, 1.0]), top_k=2, include_attributes=["kind"])
    assert ids(near) == [2, 1]
    assert distances(near) == close(0.010051, 0.051317)
    assert near.rows is not None
    assert near.rows[0]["kind"] == "b"
    assert near.billing.billable_logical_bytes_queried > 0
    assert near.performance.approx_namespace_size == 2
    filtered = points.query(rank_by=("vector", "ANN", [1.0, 1.0]), limit=2, filters=("kind", "Eq", "a"))
    assert ids(filtered) == [1]


def test_query_exact_neighbours(context: Context) -> None:
    points = context.namespace()
    points.write(
        upsert_rows=[
            {"id": n, "vector": [x, x], "even": n % 2 == 0} for n, x in enumerate([0.0, 0.1, 0.2, 0.4])
        ],
        distance_metric="euclidean_squared",
    )
    exact = points.query(rank_by=("vector", "kNN", [0.0, 0.0]), top_k=4, filters=("id", "Gte", 0))
    assert ids(exact) == [0, 1, 2, 3]
    assert distances(exact) == close(0, 0.02, 0.08, 0.32)
    even = points.query(rank_by=("vector", "kNN", [0.0, 0.0]), top_k=4, filters=("even", "Eq", True))
    assert ids(even) == [0, 2]


def test_query_by_text(context: Context) -> None:
    texts = context.namespace()
    write_texts(texts)
    red = texts.query(rank_by=("text", "BM25", "red"), top_k=5)
    assert ids(red) == [2, 1]
    assert distances(red) == close(0.590862, 0.544215)
    assert ids(texts.query(rank_by=("text", "BM25", "zebra"), top_k=5)) == []
    prefix = texts.query(rank_by=("text", "BM25", "bir", {"last_as_prefix": True}), top_k=5)
    assert ids(prefix) == [3]
    assert distances(prefix) == [1.0]


def test_combine_text_scores(context: Context) -> None:
    texts = context.namespace()
    write_texts(texts)
    total = texts.query(
        rank_by=("Sum", [("text", "BM25", "red"), ("Product", 2, ("text", "BM25", "blue"))]), top_k=5
    )
    assert ids(total) == [3, 2, 1]
    assert distances(total) == close(2 * 0.980829, 0.590862, 0.544215)
    boosted = texts.query(rank_by=("Product", 2, ("kind", "Eq", "bird")), top_k=5)
    assert ids(boosted) == [3]
    assert distances(boosted) == [2.0]


def test_multi_query(context: Context) -> None:
    both = context.namespace()
    write_vectors_and_texts(both)
    answer = both.multi_query(
        queries=[
            {"rank_by": ("vector", "ANN", [0.0, 0.0]), "top_k": 2},
            {"rank_by": ("text", "BM25", "blue"), "top_k": 2, "include_attributes": ["text"]},
            {"aggregate_by": {"n": ("Count",)}},
        ]
    )
    vectors, texts, count = answer.results
    assert ids(vectors) == [1, 2]
    assert ids(texts) == [3]
    assert texts.rows is not None
    assert texts.rows[0]["text"] == "blue bird sings"
    assert count.aggregations == {"n": 3}
    assert answer.billing.billable_logical_bytes_queried > 0
    assert answer.performance.approx_namespace_size == 3


def test_fuse_queries(context: Context) -> None:
    both = context.namespace()
    write_vectors_and_texts(both)
    fused = both.multi_query(
        queries=[
            {"rank_by": ("vector", "ANN", [0.0, 0.0]), "top_k": 1},
            {"rank_by": ("text", "BM25", "blue"), "top_k": 1},
        ],
        rerank_by=("RRF", {"weights": [1, 5]}),
    )
    [only] = fused.results
    assert ids(only) == [3, 1]
    assert distances(only) == close(5 / 61, 1 / 61)


def test_order_by(context: Context) -> None:
    stock = context.namespace()
    stock.write(
        upsert_rows=[
            {"id": 1, "a": "5", "kind": "x"},
            {"id": 2, "a": "4", "kind": "y"},
            {"id": 3, "kind": "x"},
            {"id": 4, "a": "1", "kind": "y"},
        ]
    )
    up = stock.query(rank_by=("a", "asc"), top_k=10)
    assert ids(up) == [3, 4, 2, 1]
    assert up.rows is not None
    assert shown(up.rows[0]) == {"id": 3}
    assert ids(stock.query(rank_by=("a", "desc"), top_k=10)) == [1, 2, 4, 3]
    assert ids(stock.query(rank_by=(("kind", "asc"), ("a", "desc")), top_k=10)) == [1, 3, 2, 4]
    assert ids(stock.query(rank_by=("id", "asc"), top_k=2, filters=("id", "Gt", 2))) == [3, 4]
    assert ids(stock.query(rank_by=("id", "desc"), limit=2, offset=1)) == [3, 2]

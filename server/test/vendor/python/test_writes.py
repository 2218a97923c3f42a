"""Rows and columns in, patched, deleted, on conditions and by filter."""

import pytest
from turbopuffer import UnprocessableEntityError

from context import Context, ids, stored


def test_write_rows(context: Context) -> None:
    films = context.namespace()
    rows = [
        {
            "id": 1,
            "vector": [0.7, 0.7],
            "title": "Alien",
            "year": 1979,
            "seen": True,
            "tags": ["space", "horror"],
        },
        {"id": 2, "vector": [0.1, 0.2], "title": "Heat", "year": 1995, "seen": False, "tags": []},
    ]
    written = films.write(upsert_rows=rows, distance_metric="cosine_distance")
    assert written.status == "OK"
    assert written.message
    assert written.rows_affected == written.rows_upserted == 2
    assert written.billing.billable_logical_bytes_written >= 0
    assert stored(films, ["vector", "title", "year", "seen", "tags"]) == rows


def test_write_columns(context: Context) -> None:
    films = context.namespace()
    written = films.write(
        upsert_columns={
            "id": [1, 2, 3],
            "vector": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
            "k": ["a", None, "c"],
        },
        distance_metric="euclidean_squared",
    )
    assert written.rows_affected == 3
    assert stored(films, ["k", "vector"]) == [
        {"id": 1, "k": "a", "vector": [1, 0]},
        {"id": 2, "vector": [0, 1]},
        {"id": 3, "k": "c", "vector": [1, 1]},
    ]
    films.write(patch_columns={"id": [2, 3], "k": ["b", "d"]})
    assert [row["k"] for row in stored(films, ["k"])] == ["a", "b", "d"]


def test_replace_and_patch(context: Context) -> None:
    stock = context.namespace()
    stock.write(upsert_rows=[{"id": 1, "a": 1, "c": True}])
    stock.write(upsert_rows=[{"id": 1, "b": 2}])
    assert stored(stock, ["a", "b", "c"]) == [{"id": 1, "b": 2}]
    patched = stock.write(patch_rows=[{"id": 1, "a": 7}, {"id": 99, "a": 7}])
    assert patched.rows_patched == 1
    assert stored(stock, ["a", "b", "c"]) == [{"id": 1, "a": 7, "b": 2}]


def test_delete_by_id(context: Context) -> None:
    stock = context.namespace()
    stock.write(upsert_rows=[{"id": n, "n": n} for n in (1, 2, 3)])
    assert stock.write(deletes=[2]).rows_deleted == 1
    assert stored(stock, []) == [{"id": 1}, {"id": 3}]
    stock.write(deletes=[1, 3])
    assert stored(stock, []) == []
    assert stock.exists()


def test_delete_by_filter(context: Context) -> None:
    stock = context.namespace()
    stock.write(upsert_rows=[{"id": n, "a": a} for n, a in enumerate([0, 1, 2, 1, 3])])
    removed = stock.write(delete_by_filter=("a", "Eq", 1))
    assert removed.rows_affected == removed.rows_deleted == 2
    assert not removed.rows_remaining
    assert stored(stock, ["a"]) == [{"id": 0, "a": 0}, {"id": 2, "a": 2}, {"id": 4, "a": 3}]
    assert stock.write(delete_by_filter=("a", "Eq", 1)).rows_affected == 0


def test_patch_by_filter(context: Context) -> None:
    posts = context.namespace()
    posts.write(
        upsert_rows=[
            {"id": 1, "s": "draft", "n": 1},
            {"id": 2, "s": "live", "n": 2},
            {"id": 3, "s": "draft", "n": 3},
        ]
    )
    patched = posts.write(patch_by_filter={"filters": ("s", "Eq", "draft"), "patch": {"s": "review"}})
    assert patched.rows_patched == 2
    assert stored(posts, ["s", "n"]) == [
        {"id": 1, "s": "review", "n": 1},
        {"id": 2, "s": "live", "n": 2},
        {"id": 3, "s": "review", "n": 3},
    ]


def test_conditional_write(context: Context) -> None:
    stock = context.namespace()
    stock.write(upsert_rows=[{"id": 1, "version": 2, "s": "old"}, {"id": 2, "version": 5, "s": "old"}])
    written = stock.write(
        upsert_rows=[
            {"id": 1, "version": 3, "s": "new"},
            {"id": 2, "version": 4, "s": "new"},
            {"id": 3, "version": 1, "s": "new"},
        ],
        upsert_condition=("version", "Lt", {"$ref_new": "version"}),
    )
    assert written.rows_affected == 2
    assert [row["s"] for row in stored(stock, ["s"])] == ["new", "old", "new"]
    absent = stock.write(
        upsert_rows=[{"id": 1, "version": 9, "s": "again"}], upsert_condition=("id", "Eq", None)
    )
    assert absent.rows_affected == absent.rows_upserted == 0
    patched = stock.write(
        patch_rows=[{"id": 1, "s": "patched"}, {"id": 2, "s": "patched"}],
        patch_condition=("version", "Gte", 5),
    )
    assert patched.rows_patched == 1
    assert stock.write(deletes=[1, 2], delete_condition=("version", "Gte", 5)).rows_deleted == 1
    assert stored(stock, ["s"]) == [{"id": 1, "s": "new"}, {"id": 3, "s": "new"}]


def test_affected_ids(context: Context) -> None:
    stock = context.namespace()
    stock.write(upsert_rows=[{"id": n, "n": n} for n in (1, 2, 3)])
    written = stock.write(
        upsert_rows=[{"id": 4, "n": 4}],
        patch_rows=[{"id": 1, "n": 10}, {"id": 77, "n": 10}],
        deletes=[2],
        return_affected_ids=True,
    )
    assert (written.upserted_ids, written.patched_ids, written.deleted_ids) == ([4], [1], [2])
    assert stock.write(upsert_rows=[{"id": 5, "n": 5}]).upserted_ids is None
    filtered = stock.write(delete_by_filter=("n", "Gte", 5), return_affected_ids=True)
    assert sorted(filtered.deleted_ids or []) == [1, 5]
    assert ids(stock.query(rank_by=("id", "asc"), top_k=10)) == [3, 4]


def test_reserved_attribute(context: Context) -> None:
    stock = context.namespace()
    rows = [{"id": 1, "_hevlayer_shard": 3}]
    if context.target == "engine":
        assert stock.write(upsert_rows=rows).rows_affected == 1
        return
    with pytest.raises(UnprocessableEntityError, match="_hevlayer_shard"):
        stock.write(upsert_rows=rows)
    assert not stock.exists()

"""Values and bodies that are easily bent on the way: large ids, times, encoded vectors, zipped bodies."""

import pytest
from turbopuffer import NotFoundError, Turbopuffer

from context import Context, ids, stored

CANONICAL = "2108ed60-6851-49a0-9016-8325434f3845"
ENCODED = "zczMPc3MTD6amZk+"
"""`[0.1, 0.2, 0.3]` as little-endian float32."""


def test_big_ids(context: Context) -> None:
    rows = context.namespace()
    big = [2**53, 2**53 + 1, 2**64 - 1]
    written = rows.write(
        upsert_rows=[{"id": number, "n": number, "i": -(2**63)} for number in big],
        schema={"n": "uint", "i": "int"},
        return_affected_ids=True,
    )
    assert sorted(written.upserted_ids or []) == big
    assert stored(rows, ["n", "i"]) == [{"id": number, "n": number, "i": -(2**63)} for number in big]
    assert ids(rows.query(rank_by=("id", "asc"), top_k=5, filters=("id", "Eq", 2**53 + 1))) == [2**53 + 1]
    assert ids(rows.query(rank_by=("n", "desc"), top_k=5, filters=("n", "Gt", 2**53))) == [big[2], big[1]]
    rows.write(deletes=[2**53])
    assert stored(rows, []) == [{"id": big[1]}, {"id": big[2]}]


def test_uuid_ids(context: Context) -> None:
    rows = context.namespace()
    rows.write(
        upsert_rows=[{"id": CANONICAL.upper(), "owner": CANONICAL.replace("-", "")}],
        schema={"id": "uuid", "owner": "uuid"},
    )
    assert stored(rows, ["owner"]) == [{"id": CANONICAL, "owner": CANONICAL}]
    found = rows.query(rank_by=("id", "asc"), top_k=5, filters=("id", "In", [CANONICAL.upper()]))
    assert ids(found) == [CANONICAL]


def test_datetimes(context: Context) -> None:
    rows = context.namespace()
    rows.write(
        upsert_rows=[{"id": 1, "at": "2015-01-20"}, {"id": 2, "at": "2015-01-20T12:34:56-04:00"}],
        schema={"at": "datetime"},
    )
    assert stored(rows, ["at"]) == [
        {"id": 1, "at": "2015-01-20T00:00:00.000000000Z"},
        {"id": 2, "at": "2015-01-20T16:34:56.000000000Z"},
    ]
    later = rows.query(rank_by=("at", "asc"), top_k=5, filters=("at", "Gt", "2015-01-20T16:00:00Z"))
    assert ids(later) == [2]


def test_base64_vectors(context: Context) -> None:
    """This client sends every list of floats as base64; the second row is encoded by hand."""
    rows = context.namespace()
    rows.write(
        upsert_rows=[{"id": 1, "vector": [0.1, 0.2, 0.3]}, {"id": 2, "vector": ENCODED}],
        distance_metric="euclidean_squared",
    )
    for encoding, wanted in (("float", [0.1, 0.2, 0.3]), ("base64", ENCODED)):
        answer = rows.query(
            rank_by=("vector", "ANN", [0.1, 0.2, 0.3]),
            top_k=2,
            include_attributes=["vector"],
            vector_encoding=encoding,
        )
        assert answer.rows is not None
        assert [(row.id, row["$dist"], row.vector) for row in answer.rows] == [(1, 0, wanted), (2, 0, wanted)]


def test_region_in_path(context: Context) -> None:
    """The engine drops a leading region; the gateway has no such route and answers 404."""
    rows = context.regional_client().namespace(context.name())
    if context.target == "gateway":
        with pytest.raises(NotFoundError):
            rows.write(upsert_rows=[{"id": 1}])
        return
    rows.write(upsert_rows=[{"id": 1}])
    assert stored(rows, []) == stored(context.namespace(), []) == [{"id": 1}]


def response_encoding(client: Turbopuffer, name: str, rows: int) -> str | None:
    raw = client.namespace(name).with_raw_response.query(
        rank_by=("id", "asc"), top_k=rows, include_attributes=["text"]
    )
    assert len(raw.parse().rows or []) == rows
    return raw.headers.get("content-encoding")


def test_compression(context: Context) -> None:
    rows = [{"id": n, "text": f"row number {n} of many"} for n in range(500)]
    zipping = context.client(compression=True)
    assert zipping.namespace(context.name()).write(upsert_rows=rows).rows_affected == 500
    assert stored(context.namespace(), ["text"]) == rows
    assert response_encoding(zipping, context.name(), 500) == "gzip"
    assert response_encoding(zipping, context.name(), 1) is None
    assert response_encoding(context.default, context.name(), 500) is None

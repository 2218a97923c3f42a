"""Failures arrive as the client's own exception of their status, with a message that says what was wrong."""

import pytest
from turbopuffer import AuthenticationError, BadRequestError, NotFoundError, UnprocessableEntityError

from context import Context


def test_error_bad_request(context: Context) -> None:
    films = context.namespace()
    films.write(upsert_rows=[{"id": 1, "n": 1}])
    with pytest.raises(BadRequestError, match="top_k must be between 1 and 10000"):
        films.query(rank_by=("id", "asc"), top_k=10_001)
    with pytest.raises(BadRequestError, match="attribute not found"):
        films.query(rank_by=("id", "asc"), top_k=1, filters=("nope", "Eq", 1))
    with pytest.raises(BadRequestError):
        films.write(upsert_rows=[{"id": 9}, {"id": 9}])
    with pytest.raises(BadRequestError, match="Namespace contains invalid characters"):
        context.default.namespace("bad name").schema()


def test_error_unauthorized(context: Context) -> None:
    stranger = context.client(api_key="tpuf_wrong")
    with pytest.raises(AuthenticationError) as one:
        stranger.namespace(context.name()).metadata()
    with pytest.raises(AuthenticationError) as other:
        stranger.namespaces()
    assert "tpuf_wrong" not in f"{one.value} {other.value}"


def test_error_not_found(context: Context) -> None:
    none = context.namespace()
    wanted = f"namespace '{context.name()}' was not found"
    for call in (
        lambda: none.query(rank_by=("id", "asc"), top_k=1),
        none.metadata,
        none.schema,
        none.recall,
    ):
        with pytest.raises(NotFoundError, match=wanted):
            call()
    assert not none.exists()


def test_error_unprocessable(context: Context) -> None:
    films = context.namespace()
    with pytest.raises(UnprocessableEntityError, match="manhattan"):
        films.write(upsert_rows=[{"id": 1, "vector": [1.0]}], distance_metric="manhattan")
    with pytest.raises(UnprocessableEntityError):
        films.write(upsert_rows=[{"id": 1.5}])
    assert not films.exists()

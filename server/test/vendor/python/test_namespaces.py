"""Namespaces as a whole: schema, metadata, listing, copies, maintenance and deletion."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from turbopuffer import BadRequestError, NotFoundError, PermissionDeniedError
from turbopuffer.lib.namespace import Namespace

from context import STAMP, Context, ids, stored

COPY_TIMEOUT_S = 10.0


def write_three(namespace: Namespace) -> None:
    namespace.write(
        upsert_rows=[{"id": n, "vector": [float(n), 1.0], "title": f"film {n}", "n": n} for n in (1, 2, 3)],
        distance_metric="cosine_distance",
        schema={"title": {"type": "string", "full_text_search": {"stemming": True}}},
    )


def test_read_schema(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    schema = {name: config.model_dump(exclude_unset=True) for name, config in films.schema().items()}
    stamp = schema.pop(STAMP, None)
    assert (stamp or {}).get("type") == ("int" if context.target == "gateway" else None)
    assert schema == {
        "id": {"type": "uint", "filterable": None, "full_text_search": None},
        "vector": {"type": "[2]f32", "ann": True, "filterable": None, "full_text_search": None},
        "n": {"type": "int", "filterable": True, "full_text_search": None},
        "title": {
            "type": "string",
            "filterable": False,
            "full_text_search": {
                "k1": 1.2,
                "b": 0.75,
                "k3": 8,
                "language": "english",
                "stemming": True,
                "max_token_length": 39,
                "remove_stopwords": False,
                "ascii_folding": False,
                "case_sensitive": False,
                "tokenizer": "word_v4",
            },
        },
    }


def test_update_schema(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    updated = films.update_schema(schema={"n": {"type": "int", "filterable": False}})
    assert updated["n"].filterable is False
    assert "title" in updated
    with pytest.raises(BadRequestError):
        films.query(rank_by=("id", "asc"), top_k=5, filters=("n", "Gt", 1))
    films.update_schema(schema={"n": {"type": "int", "filterable": True}, "extra": "string"})
    assert ids(films.query(rank_by=("id", "asc"), top_k=5, filters=("n", "Gt", 1))) == [2, 3]
    assert films.schema()["extra"].type == "string"
    with pytest.raises(BadRequestError, match="cannot change attribute type from int to string"):
        films.update_schema(schema={"n": {"type": "string"}})
    films.update_schema(schema={"n": {"drop": True}})
    assert "n" not in films.schema()


def test_read_metadata(context: Context) -> None:
    films = context.namespace()
    before = datetime.now(UTC) - timedelta(seconds=1)
    write_three(films)
    metadata = films.metadata()
    assert metadata.approx_row_count == 3
    assert metadata.approx_logical_bytes > 0
    assert metadata.index.status == "up-to-date"
    assert metadata.encryption.mode == "default"
    assert metadata.schema_["vector"].type == "[2]f32"
    ann = metadata.schema_["vector"].ann
    assert not isinstance(ann, bool)
    assert ann is not None
    assert ann.distance_metric == "cosine_distance"
    assert before <= metadata.created_at <= metadata.updated_at
    assert hasattr(metadata, "layer") is (context.target == "gateway")


def test_update_metadata(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    pinned = films.update_metadata(pinning={"replicas": 2}).pinning
    assert pinned is not None
    assert pinned.replicas == 2
    assert films.metadata().pinning is not None
    assert films.update_metadata(pinning=None).pinning is None
    with pytest.raises(BadRequestError, match="replicas must be greater than 0"):
        films.update_metadata(pinning={"replicas": 0})
    assert films.update_metadata(read_only=True).read_only is True
    with pytest.raises(PermissionDeniedError):
        films.write(deletes=[1])
    assert films.update_metadata(read_only=False).read_only is None
    assert films.write(deletes=[1]).rows_deleted == 1


def test_list_pages(context: Context) -> None:
    names = [context.name(f"-{n:02}") for n in range(12)]
    client = context.default
    for name in names:
        client.namespace(name).write(upsert_rows=[{"id": 1}])
    pages = [
        [summary.id for summary in page.namespaces]
        for page in client.namespaces(prefix=context.name(), page_size=5).iter_pages()
    ]
    assert [len(page) for page in pages if page] == [5, 5, 2]
    assert sorted(name for page in pages for name in page) == names
    assert sorted(summary.id for summary in client.namespaces(prefix=context.name("-1"))) == names[10:]
    with pytest.raises(BadRequestError):
        client.namespaces(page_size=0)


def assert_copied_later(context: Context) -> None:
    """Two calls only this client has: start a copy, ask how far it is. The gateway does not serve them."""
    later = context.namespace("-later")
    if context.target == "gateway":
        with pytest.raises(NotFoundError):
            later.start_copy_from(source_namespace=context.name("-source"))
        return
    token = later.start_copy_from(source_namespace=context.name("-source")).token
    deadline = time.monotonic() + COPY_TIMEOUT_S
    while (operation := later.poll_copy_from(token)).status == "running":
        assert time.monotonic() < deadline, "the copy did not finish"
        time.sleep(0.05)
    assert operation.status == "finished"
    assert operation.result.success.status == "OK"
    assert len(stored(later, [])) == 2


def test_copy(context: Context) -> None:
    source, copied = context.namespace("-source"), context.namespace()
    write_three(source)
    answer = copied.copy_from(source_namespace=context.name("-source"))
    assert answer.status == "OK"
    assert "cloned" in answer.message
    source.write(deletes=[1])
    copied.write(patch_rows=[{"id": 2, "n": 20}])
    assert stored(copied, ["n", "vector"]) == [
        {"id": 1, "n": 1, "vector": [1, 1]},
        {"id": 2, "n": 20, "vector": [2, 1]},
        {"id": 3, "n": 3, "vector": [3, 1]},
    ]
    assert stored(source, ["n"]) == [{"id": 2, "n": 2}, {"id": 3, "n": 3}]
    with pytest.raises(BadRequestError):
        copied.copy_from(source_namespace=context.name("-source"))
    assert_copied_later(context)


def test_branch(context: Context) -> None:
    source, branch = context.namespace("-source"), context.namespace()
    write_three(source)
    assert branch.branch_from(source_namespace=context.name("-source")).status == "OK"
    branch.write(deletes=[3])
    assert stored(branch, ["n"]) == [{"id": 1, "n": 1}, {"id": 2, "n": 2}]
    assert len(stored(source, [])) == 3
    assert branch.metadata().to_dict()["branching"] == {"parent": context.name("-source")}


def test_recall(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    measured = films.recall(num=1, top_k=2, include_ground_truth=True)
    assert (measured.avg_recall, measured.avg_ann_count, measured.avg_exhaustive_count) == (1, 2, 2)
    assert measured.ground_truth is not None
    assert len(measured.ground_truth[0].nearest_neighbors) == 2
    assert films.recall().avg_recall == 1


def test_warm_hint(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    raw = films.with_raw_response.hint_cache_warm()
    assert raw.status_code == 202
    assert (raw.parse().status, raw.parse().message) == ("ACCEPTED", "cache warm hint accepted")


def test_explain(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    assert films.explain_query(rank_by=("vector", "ANN", [1.0, 1.0]), top_k=2).plan_text


def test_delete_namespace(context: Context) -> None:
    films = context.namespace()
    write_three(films)
    assert films.delete_all().status == "OK"
    assert not films.exists()
    with pytest.raises(NotFoundError):
        films.query(rank_by=("id", "asc"), top_k=1)
    if context.target == "gateway":
        assert films.delete_all().status == "OK"
    else:
        with pytest.raises(NotFoundError):
            films.delete_all()
    films.write(upsert_rows=[{"id": "now a string", "n": "and this too"}])
    assert stored(films, ["n"]) == [{"id": "now a string", "n": "and this too"}]

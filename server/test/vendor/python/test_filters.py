"""What a query keeps, counts and shows: filters, aggregates, groups and the choice of attributes."""

from typing import Any

from turbopuffer.lib.namespace import Namespace

from context import STAMP, Context, ids, shown

COLOURS = [
    {"id": 1, "colour": "blue", "n": 2, "tags": ["x", "y"]},
    {"id": 2, "colour": "red", "n": 3, "tags": ["y", "y"]},
    {"id": 3, "colour": "blue", "n": 5, "tags": []},
    {"id": 4, "colour": "red", "tags": ["x"]},
]


def assert_kept(namespace: Namespace, cases: list[tuple[Any, list[int]]]) -> None:
    for filters, wanted in cases:
        answer = namespace.query(rank_by=("id", "asc"), top_k=10, filters=filters)
        assert ids(answer) == wanted, filters


def test_filters(context: Context) -> None:
    rows = context.namespace()
    rows.write(
        upsert_rows=[
            {"id": 1, "n": 1, "s": "a", "tags": ["x", "y"]},
            {"id": 2, "n": 2, "s": "b", "tags": ["y"]},
            {"id": 3, "n": 3, "tags": []},
            {"id": 4, "s": "B", "tags": None},
        ]
    )
    assert_kept(
        rows,
        [
            (("n", "Gt", 1), [2, 3]),
            (("n", "Lt", 2), [1, 4]),
            (("n", "Gte", 2), [2, 3]),
            (("n", "Lte", 1), [1, 4]),
            (("n", "Eq", None), [4]),
            (("n", "NotEq", None), [1, 2, 3]),
            (("n", "NotEq", 2), [1, 3, 4]),
            (("n", "In", [1, 3]), [1, 3]),
            (("n", "NotIn", [1, 3]), [2, 4]),
            (("tags", "Contains", "y"), [1, 2]),
            (("tags", "NotContains", "y"), [3, 4]),
            (("tags", "ContainsAny", ["x", "z"]), [1]),
            (("tags", "NotContainsAny", ["x", "z"]), [2, 3, 4]),
            (("tags", "AnyGt", "x"), [1, 2]),
            (("Not", ("s", "Eq", "a")), [2, 3, 4]),
            (("And", [("n", "Gte", 1), ("Or", [("s", "Eq", "a"), ("Not", ("n", "Lt", 3))])]), [1, 3]),
        ],
    )


def test_pattern_filters(context: Context) -> None:
    rows = context.namespace()
    rows.write(
        upsert_rows=[
            {"id": n, "s": text} for n, text in enumerate(["alpha", "Beta", "walrus den", "delta"], 1)
        ],
        schema={"s": {"type": "string", "filterable": True, "glob": True, "regex": True, "fuzzy": True}},
    )
    near = {"max_edit_distance": [{"min_query_chars": 6, "distance": 1}]}
    assert_kept(
        rows,
        [
            (("s", "Glob", "*a"), [1, 2, 4]),
            (("s", "NotGlob", "*ta"), [1, 3]),
            (("s", "IGlob", "b*"), [2]),
            (("s", "NotIGlob", "b*"), [1, 3, 4]),
            (("s", "Regex", "^(alpha|delta)$"), [1, 4]),
            (("s", "Fuzzy", "walruss", near), [3]),
        ],
    )


def test_token_filters(context: Context) -> None:
    rows = context.namespace()
    rows.write(
        upsert_rows=[
            {"id": 1, "text": "marine mammals of the arctic"},
            {"id": 2, "text": "mammals on land"},
            {"id": 3, "text": "arctic marine birds"},
        ],
        schema={"text": {"type": "string", "full_text_search": True}},
    )
    assert_kept(
        rows,
        [
            (("text", "ContainsAllTokens", "mammals marine"), [1]),
            (("text", "ContainsAllTokens", "marine mammals whale"), []),
            (("text", "ContainsAllTokens", "arctic mar", {"last_as_prefix": True}), [1, 3]),
            (("text", "ContainsAnyToken", "land birds"), [2, 3]),
            (("text", "ContainsTokenSequence", "marine mammals"), [1]),
            (("text", "ContainsTokenSequence", "mammals marine"), []),
        ],
    )


def test_aggregate(context: Context) -> None:
    rows = context.namespace()
    rows.write(upsert_rows=COLOURS)
    everything = rows.query(aggregate_by={"count": ("Count",), "total": ("Sum", "n")})
    assert everything.aggregations == {"count": 4, "total": 10}
    assert everything.rows is None
    none = rows.query(aggregate_by={"total": ("Sum", "n")}, filters=("n", "Gt", 100))
    assert none.aggregations == {"total": 0}


def test_group_by(context: Context) -> None:
    rows = context.namespace()
    rows.write(upsert_rows=COLOURS)
    grouped = rows.query(aggregate_by={"count": ("Count",)}, group_by=["colour"], top_k=10)
    assert grouped.aggregation_groups == [
        {"colour": "blue", "count": 2},
        {"colour": "red", "count": 2},
    ]
    tags = rows.query(
        aggregate_by={"count": ("Count",)},
        group_by=[{"tag": ("ForEachUnique", "tags")}],
        filters=("tags", "ContainsAny", ["x", "y"]),
        top_k=10,
    )
    assert tags.aggregation_groups == [
        {"tag": "x", "count": 2},
        {"tag": "y", "count": 2},
    ]


def test_select_attributes(context: Context) -> None:
    rows = context.namespace()
    rows.write(
        upsert_rows=[{"id": 1, "vector": [1.0, 2.0], "a": 1, "b": "two"}], distance_metric="cosine_distance"
    )

    def keys(**choice: Any) -> set[str]:
        answer = rows.query(rank_by=("id", "asc"), top_k=1, **choice)
        assert answer.rows is not None
        return set(shown(answer.rows[0]))

    stamp = {STAMP} if context.target == "gateway" else set()
    assert keys() == {"id"}
    assert keys(include_attributes=False) == {"id"}
    assert keys(include_attributes=["b"]) == {"b", "id"}
    assert keys(include_attributes=True) == stamp | {"a", "b", "id", "vector"}
    assert keys(exclude_attributes=["vector", "a"]) == stamp | {"b", "id"}


def test_limit_per_group(context: Context) -> None:
    rows = context.namespace()
    rows.write(upsert_rows=COLOURS)
    answer = rows.query(
        rank_by=("id", "asc"), limit={"total": 3, "per": {"attributes": ["colour"], "limit": 1}}
    )
    assert ids(answer) == [1, 2]

"""What schemathesis cannot know: which namespaces and documents exist, and which bodies share a route.

Loaded by `src/schemathesis/main.ts` through SCHEMATHESIS_HOOKS. Values are chosen by checksum and not at
random, so that a seed gives the same requests every time.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import schemathesis

NAMESPACES = ("products", "catalog")
"""Seeded before the run and written to during it, never deleted and never made read-only."""
OWN_NAMESPACES = {
    "deleteNamespace": ("spare-1", "spare-2"),
    "updateTurbopufferNamespaceMetadata": ("settings",),
}
DOCUMENTS = ("sku-17", "sku-18", "no-such-document")
JOBS = {"getWarmJob": "warmCache"}
"""Operations that read a job, each with the one that begins such a job."""
ALONE = {
    "writeNamespace": [
        (
            "upsert_rows",
            "upsert_columns",
            "patch_rows",
            "patch_columns",
            "deletes",
            "delete_by_filter",
            "patch_by_filter",
            "schema",
            "copy_from_namespace",
            "branch_from_namespace",
        )
    ],
    "queryNamespace": [("vector", "nearest_to_id", "rank_by", "queries"), ("as_of", "between")],
}
"""Fields of which a request that gives several is nearly always refused."""
REFUSED = ("sharding", "encryption", "upsert_condition", "patch_condition", "delete_condition")
"""Fields that the engine, or a random value, nearly always refuses."""
SOUND_NAME = re.compile(r"[A-Za-z0-9\-_.]{1,128}")

answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
begun: dict[str, tuple[str, str]] = {}
"""Namespace and id of the newest job that an operation began."""


def chosen(values: tuple[str, ...], text: str) -> str | None:
    """One of the values, or None for a quarter of all texts, which stay as they are."""
    checksum = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    return None if checksum % 4 == 0 else values[checksum // 4 % len(values)]


def operation_id(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Widens each route to the bodies and answers of its overloads, which are no operations to OpenAPI."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "x-hev-overloads" in operation:
                widen(operation)


def widen(operation: dict[str, Any]) -> None:
    for overload in operation["x-hev-overloads"]:
        merge(operation["requestBody"], overload["requestBody"], overload["operationId"])
        for status, answer in overload.get("responses", {}).items():
            merge(operation["responses"][status], answer, overload["operationId"])


def merge(into: dict[str, Any], other: dict[str, Any], name: str) -> None:
    media, added = into["content"]["application/json"], other["content"]["application/json"]
    variants = media["schema"].get("anyOf", [media["schema"]])
    media["schema"] = {"anyOf": [*variants, added["schema"]]}
    for key, example in added.get("examples", {}).items():
        media["examples"][f"{name}-{key}"] = example


def thinned(operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """Three quarters of all bodies with one thing to do instead of ten, so that some are taken."""
    kept = dict(body)
    text = json.dumps(body, sort_keys=True, default=str)
    for group in ALONE.get(operation, []):
        given = tuple(name for name in group if name in kept)
        only = chosen(given, text) if given else None
        for name in (*given, *REFUSED):
            if only is not None and name != only:
                kept.pop(name, None)
    if chosen(("sound",), text) is not None:
        make_sound(kept)
    return kept


def make_sound(query: dict[str, Any]) -> None:
    """A window that is not empty, no cursor, and queries that leave times to the whole."""
    query.pop("cursor", None)
    window = query.get("between")
    if isinstance(window, list) and len(window) == 2 and all(isinstance(end, int) for end in window):
        low, high = sorted(window)
        query["between"] = [low, max(high, low + 1)]
    legs = query.get("queries")
    for leg in legs if isinstance(legs, list) else []:
        for name in ("cursor", "as_of", "between") if isinstance(leg, dict) else ():
            leg.pop(name, None)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Turns most sound names into ones that exist, and most bodies into such as may be taken."""
    path = case.path_parameters or {}
    namespace = path.get("namespace")
    if isinstance(namespace, str) and SOUND_NAME.fullmatch(namespace):
        own = OWN_NAMESPACES.get(operation_id(case))
        name = chosen(own or NAMESPACES, namespace) or namespace
        path["namespace"] = own[0] if own and name in NAMESPACES else name
    job = begun.get(JOBS.get(operation_id(case), ""))
    if job is not None and chosen(("begun",), str(path.get("job_id"))) is not None:
        path["namespace"], path["job_id"] = job
    if isinstance(case.body, dict):
        case.body = thinned(operation_id(case), case.body)
    document = path.get("doc_id")
    if isinstance(document, str):
        path["doc_id"] = chosen(DOCUMENTS, document) or document


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    operation = operation_id(case)
    answers[operation][response.status_code] += 1
    if operation in JOBS.values() and response.status_code in (200, 202):
        begun[operation] = (case.path_parameters["namespace"], response.json()["id"])


@atexit.register
def write_answers() -> None:
    """How often each operation gave which status, for the run to be judged by."""
    target = os.environ.get("HEVLAYER_ANSWERS")
    if target:
        Path(target).write_text(json.dumps(answers), encoding="utf-8")

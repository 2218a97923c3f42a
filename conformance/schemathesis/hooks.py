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
SOUND_NAME = re.compile(r"[A-Za-z0-9\-_.]{1,128}")

answers: defaultdict[str, Counter[int]] = defaultdict(Counter)


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


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Turns most sound names into ones that exist; unsound ones are what a route must refuse."""
    path = case.path_parameters or {}
    namespace = path.get("namespace")
    if isinstance(namespace, str) and SOUND_NAME.fullmatch(namespace):
        own = OWN_NAMESPACES.get(operation_id(case), NAMESPACES)
        path["namespace"] = chosen(own, namespace) or namespace
    document = path.get("doc_id")
    if isinstance(document, str):
        path["doc_id"] = chosen(DOCUMENTS, document) or document


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    answers[operation_id(case)][response.status_code] += 1


@atexit.register
def write_answers() -> None:
    """How often each operation gave which status, for the run to be judged by."""
    target = os.environ.get("HEVLAYER_ANSWERS")
    if target:
        Path(target).write_text(json.dumps(answers), encoding="utf-8")

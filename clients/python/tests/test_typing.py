"""What type checkers see: results, misspelt names, and the forms of the documentation."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ACCEPTED = """
import array
from typing import assert_type
from hevlayer import AsyncHevlayer, Hevlayer, LayerResponse, OMIT
from hevlayer.models import Document, NamespaceList, NamespaceSummary, QueryResponse, WriteRequest

async def use_async(client: AsyncHevlayer) -> None:
    assert_type(await client.fetch_document("products", "a"), Document)
    assert_type(await client.fetch_document("products", "a", with_perf=True), LayerResponse[Document])
    await client.get_namespace_metadata("products")
    await client.list_namespaces(prefix="prod", page_size=100)
    async for item in client.iter_namespaces(timeout=5):
        assert_type(item, NamespaceSummary)

class Array:
    # As those of numpy look to a type checker before Python 3.12: no buffer.
    def tolist(self) -> list[float]:
        return []

def use(client: Hevlayer) -> None:
    client.query_namespace("products", {"vector": Array(), "top_k": 3})
    body: WriteRequest = {"upsert_rows": [{"id": 1, "vector": array.array("f", [0.5])}], "deletes": ["a", 2]}
    client.write_namespace("products", body)
    client.write_namespace("products", {"delete_by_filter": ["brand", "Eq", "Acme"]}, extra_body={"new": 1})
    client.write_namespace("products", {"delete_by_filter": ("And", [("a", "Lt", 1), ("b", "Eq", None)])})
    assert_type(client.query_namespace("products", {"vector": [0.5, 1], "top_k": 3}), QueryResponse)
    client.query_namespace("products", {"vector": array.array("d", [0.5])})
    client.query_turbopuffer_namespace("products", {"rank_by": ["id", "asc"], "brand_new": True})
    client.list_namespaces(cursor=OMIT, headers={"x-a": "b"})
    client.fetch_document("products", "a", include_attributes=["title"])
    for page in client.iter_namespaces().by_page():
        assert_type(page, NamespaceList)
"""

REFUSED = [
    'client.write_namespace("p", {"upsert_row": []})',
    'client.write_namespace("p", {"distance_metric": "manhattan"})',
    'client.fetch_documents("p", {})',
    "client.list_namespaces(pagesize=1)",
    'client.list_namespaces("prod")',
    'client.fetch_document("p", "a").attribute',
    'client.fetch_document("p", "a").id.bit_length()',
    'client.get_health(timeout="5")',
]


def check(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "sample.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="]
    return subprocess.run(
        [*command, "sample.py"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_strict_checker_accepts_the_documented_forms_and_knows_results(tmp_path: Path) -> None:
    outcome = check(tmp_path, ACCEPTED)
    assert outcome.stdout == ""
    assert outcome.returncode == 0


def test_a_strict_checker_finds_each_mistake(tmp_path: Path) -> None:
    lines = ["from hevlayer import Hevlayer", "def use(client: Hevlayer) -> None:"]
    lines += [f"    {statement}" for statement in REFUSED]
    outcome = check(tmp_path, "\n".join(lines))
    for number, statement in enumerate(REFUSED, start=3):
        assert f"sample.py:{number}: error:" in outcome.stdout, statement

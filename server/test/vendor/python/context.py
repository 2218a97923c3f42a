"""What a check of the Python client is given, and the few readings that many checks share."""

import os
from contextlib import ExitStack
from typing import Any, Self

from turbopuffer import Turbopuffer
from turbopuffer.lib.namespace import Namespace

STAMP = "_hevlayer_upserted_at"
"""The attribute that the gateway stamps on every row written through it."""


class Context:
    """One check's clients and namespaces, on the server that the environment names.

    A context closes its clients when it is left, so that a check leaves no open connection behind.
    """

    def __init__(self, check: str) -> None:
        """Reads the server's address; a variable that is missing is a `KeyError` naming it."""
        self.target = os.environ["VENDOR_TARGET"]
        """`engine` or `gateway`."""
        self._base_url = os.environ["VENDOR_BASE_URL"]
        self._api_key = os.environ["VENDOR_API_KEY"]
        self._check = check
        self._clients = ExitStack()
        self.default = self.client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def client(self, **options: Any) -> Turbopuffer:
        """A client without retries that refuses an answer its own models do not describe."""
        settings = {"api_key": self._api_key, "base_url": self._base_url, **options}
        client = Turbopuffer(max_retries=0, timeout=15.0, _strict_response_validation=True, **settings)
        return self._clients.enter_context(client)

    def regional_client(self) -> Turbopuffer:
        """A client of code that hard-wires its region, which then leads the path."""
        return self.client(base_url=f"{self._base_url}/{{region}}", region="gcp-us-central1")

    def name(self, suffix: str = "") -> str:
        """The name of a namespace of this check alone."""
        return f"python-{self.target}-{self._check}{suffix}"

    def namespace(self, suffix: str = "") -> Namespace:
        """A namespace of this check alone; `suffix` tells several apart."""
        return self.default.namespace(self.name(suffix))


def ids(answer: Any) -> list[Any]:
    """Ids in answer order; no rows at all is a failure, not an empty list."""
    assert answer.rows is not None
    return [row.id for row in answer.rows]


def distances(answer: Any) -> list[float]:
    """`$dist` of each row, in answer order."""
    assert answer.rows is not None
    return [row["$dist"] for row in answer.rows]


def shown(row: Any) -> dict[str, Any]:
    """A row as the server sent it, without the fields that the client's model adds."""
    return dict(row.model_dump(exclude_unset=True))


def stored(namespace: Namespace, attributes: list[str]) -> list[dict[str, Any]]:
    """Every row of a namespace, by id, with the attributes named."""
    answer = namespace.query(rank_by=("id", "asc"), top_k=1000, include_attributes=attributes)
    assert answer.rows is not None
    return [shown(row) for row in answer.rows]

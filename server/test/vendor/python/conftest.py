"""Gives each check its context and reports each as one line of JSON, which the driver reads."""

import json
import sys
from collections.abc import Iterator

import pytest

from context import Context


@pytest.fixture
def context(request: pytest.FixtureRequest) -> Iterator[Context]:
    """A context named after the check."""
    with Context(request.node.name.removeprefix("test_")) as context:
        yield context


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Writes the outcome of a check; a failing set-up or tear-down counts as the check's."""
    if report.when != "call" and report.passed:
        return
    name = report.nodeid.rpartition("::")[2].removeprefix("test_")
    line = {"check": name, "outcome": report.outcome, "detail": str(report.longrepr or "")}
    sys.stdout.write("\n" + json.dumps(line) + "\n")

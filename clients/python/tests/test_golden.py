"""The generator's golden cases as real clients: each imports, and all pass a strict type check."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hevlayer

CASES = Path(__file__).parents[3] / "generator" / "test" / "cases"
PACKAGE = Path(hevlayer.__file__).parent

BARE_SURFACE = (
    "from ._generated.async_client import AsyncHevlayer as AsyncHevlayer\n"
    "from ._generated.client import Hevlayer as Hevlayer\n"
)

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the golden cases are in the repository only")


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package for each case: the runtime with the case's generated part. Its imports are all relative."""
    folder = tmp_path_factory.mktemp("golden")
    for generated in sorted(CASES.glob("*/python")):
        package = folder / generated.parent.name.replace("-", "_")
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("_generated", "__pycache__"))
        shutil.copytree(generated, package / "_generated")
        (package / "_generated" / "__init__.py").touch()
        # The client's own is written for the operations of our own specification.
        (package / "_surface.py").write_text(BARE_SURFACE)
    return folder


def run(folder: Path, *arguments: str) -> str:
    outcome = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return outcome.stdout + outcome.stderr


def test_every_case_imports(clients: Path) -> None:
    names = [package.name for package in sorted(clients.iterdir())]
    assert len(names) >= 10
    # Field tables are worked out at first use, so they are asked for here.
    script = (
        "import importlib, inspect\n"
        f"for name in {names!r}:\n"
        "    package = importlib.import_module(name)\n"
        "    models = importlib.import_module(name + '.models')\n"
        "    for model in vars(models).values():\n"
        "        if inspect.isclass(model) and issubclass(model, package.Model): dir(model({}))\n"
    )
    assert run(clients, "-c", script) == ""


def test_every_case_passes_a_strict_type_check(clients: Path) -> None:
    names = [package.name for package in sorted(clients.iterdir())]
    assert run(clients, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", *names) == ""

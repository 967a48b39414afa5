"""The packages import each other in one direction only (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TENSOR_LIBRARIES = {"torch", "torchaudio", "transformers"}
FORBIDDEN = {
    "warehouse": {"dagster", "mgc_models", "pipelines"} | TENSOR_LIBRARIES,
    "mgc_models": {"dagster", "duckdb", "polars", "pipelines", "sklearn", "scipy"},
    "pipelines/datasets": {"dagster"} | TENSOR_LIBRARIES,
    "pipelines/transforms": {"dagster"} | TENSOR_LIBRARIES,
    "pipelines/assets": TENSOR_LIBRARIES,
}
# What mgc_models may use of the warehouse: paths, shards and names, which need nothing but numpy and pyarrow.
WAREHOUSE_FOR_MODELS = {"warehouse.store", "warehouse.shards", "warehouse.variables"}


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_downwards(package: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / package).rglob("*.py")
        for module in imported_modules(path)
        if module.split(".")[0] in FORBIDDEN[package]
    }
    assert not found


def test_models_use_only_paths_and_shards_of_the_warehouse() -> None:
    modules = set().union(*(imported_modules(path) for path in (ROOT / "mgc_models").rglob("*.py")))
    used = {".".join(m.split(".")[:2]) for m in modules if m.startswith("warehouse.")}
    assert used <= WAREHOUSE_FOR_MODELS


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("pipelines.definitions", TENSOR_LIBRARIES),
        ("pipelines.startup", TENSOR_LIBRARIES | {"dagster", "duckdb", "polars", "numpy", "pyarrow"}),
        ("mgc_models.train", {"dagster", "duckdb", "polars", "sklearn"}),
        ("mgc_models.spec", TENSOR_LIBRARIES | {"duckdb", "polars"}),
        ("warehouse.shards", TENSOR_LIBRARIES | {"duckdb", "polars"}),
    ],
)
def test_importing_a_module_does_not_load_what_it_must_run_without(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {absent!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

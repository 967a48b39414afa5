"""The packages import each other in one direction only (docs/architecture.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("warehouse", "mgc_models", "pipelines")
TENSOR_LIBRARIES = {"torch", "torchaudio", "transformers"}
PURE = ("sample", "datasets", "matching", "lyrics", "corpora", "genres", "experiments", "results", "report")
FORBIDDEN = {
    "warehouse": {"dagster", "mgc_models", "pipelines"} | TENSOR_LIBRARIES,
    "mgc_models": {"dagster", "duckdb", "polars", "pipelines", "sklearn", "scipy"},
    **{f"pipelines/{name}": {"dagster"} | TENSOR_LIBRARIES for name in PURE},
    "pipelines/assets": TENSOR_LIBRARIES,
}
# What mgc_models may use of the warehouse: paths, locks, checksums, shards, names, reading of settings and lines of a
# table; these need nothing but numpy, pyarrow and filelock.
WAREHOUSE_FOR_MODELS = {
    "warehouse.checksum",
    "warehouse.locks",
    "warehouse.parsing",
    "warehouse.render",
    "warehouse.shards",
    "warehouse.store",
    "warehouse.variables",
}
# Each line may import from the lines above it, and from nothing else of its package.
LAYERS = {
    "warehouse": (
        "checksum parsing render sql_text store variables",
        "contract locks shards verified",
        "dictionary report_views tables",
        "bench catalogue claim printed",
        "cli",
        "__main__",
    ),
    "mgc_models": (
        "errors regular_files config _torchaudio_stub",
        "execution features",
        "data",
        "models artifacts evaluation",
        "pretrained",
        "embeddings",
        "training",
        "analysis predict bench",
        "train torchrun",
    ),
    "pipelines": (
        "config incremental console",
        "devices hosts",
        "startup parallel executors weights",
        "tables sample",
        "datasets matching",
        "lyrics",
        "corpora",
        "features genres experiments",
        "training",
        "results slurm damage",
        "report planted",
        "assets bench plan",
        "definitions dependencies",
        "docs",
    ),
}
# Of the packages in which a subject is pure - frames in, frames out - these modules alone take a store.
STATEFUL = {
    "corpora": {"build", "matches", "sources"},
    "datasets": {"ingest", "unreadable"},
    "experiments": set(),
    "genres": {"build"},
    "lyrics": {"fma", "genius", "language", "music4all"},
    "matching": {"quality"},
    "report": {"build", "screen"},
    "results": {"bootstrap", "collect"},
    "sample": set(),
}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Every module of a package by its dotted name."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_downwards(package: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / package).rglob("*.py")
        for module in imported_modules(path)
        if module.split(".")[0] in FORBIDDEN[package]
    }
    assert not found


@pytest.mark.parametrize("package", LAYERS)
def test_a_layer_imports_from_those_above_it_alone(package: str) -> None:
    layer = {name: number for number, line in enumerate(LAYERS[package]) for name in line.split()}
    upward = set()
    for module, path in modules(package):
        if module == package:
            continue
        own = module.split(".")[1]
        assert own in layer, f"{package}.{own} has no place in LAYERS: decide what it may import"
        for other in imported_modules(path):
            parts = other.split(".")
            if parts[0] == package and len(parts) > 1 and parts[1] in layer and parts[1] != own:
                upward |= {f"{module} imports {other}"} if layer[parts[1]] >= layer[own] else set()
    assert not upward


@pytest.mark.parametrize("package", STATEFUL)
def test_only_named_modules_of_a_subject_touch_the_store(package: str) -> None:
    stateful = {
        module.removeprefix(f"pipelines.{package}.")
        for module, path in modules(f"pipelines/{package}")
        if "warehouse.store.Store" in imported_modules(path)
    }
    assert stateful == STATEFUL[package]


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    known = {module: path for package in PACKAGES for module, path in modules(package)}
    waiting = {module: imported_modules(path) & known.keys() - {module} for module, path in known.items()}
    while free := [module for module, needed in waiting.items() if not needed & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert not waiting


def test_models_use_only_paths_and_shards_of_the_warehouse() -> None:
    found = set().union(*(imported_modules(path) for path in (ROOT / "mgc_models").rglob("*.py")))
    used = {".".join(m.split(".")[:2]) for m in found if m.startswith("warehouse.")}
    assert used <= WAREHOUSE_FOR_MODELS


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("pipelines.definitions", TENSOR_LIBRARIES),
        ("mgc_models.train", {"dagster", "duckdb", "polars", "sklearn"}),
        ("mgc_models.predict.cli", TENSOR_LIBRARIES | {"dagster", "duckdb", "polars", "rich"}),
        ("mgc_models.predict.listing", TENSOR_LIBRARIES | {"dagster", "duckdb", "polars", "rich"}),
        ("mgc_models.config.run", TENSOR_LIBRARIES | {"duckdb", "polars"}),
        ("warehouse.shards.reader", TENSOR_LIBRARIES | {"duckdb", "polars"}),
    ],
)
def test_importing_a_module_does_not_load_what_it_must_run_without(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {absent!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

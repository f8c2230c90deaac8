"""The house stands: imports point left only, heavy libraries wait, modules stay small and explain themselves."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

import accelsim

PACKAGE = Path(accelsim.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

#: Layers from left to right; a module may import from its own layer's package and from all layers before it.
LAYERS = (
    ("errors", "units", "registry", "dims", "compiled", "parameters", "config"),
    ("workload", "hardware"),
    ("mapping",),
    ("engines",),
    ("cost",),
    ("mappers",),
    ("schedule",),
    ("search",),
    ("study",),
    ("report",),
)
#: What may import everything, and what only the edges may import.
EDGES = ("cli", "nas", "validation", "testing", "__main__")
#: Registries that hold what stands further right: a module that adds to them knows them, they only know its name.
PLUGGED = {("accelsim.hardware.engines.blocks", "accelsim.engines.builtin")}
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

#: Library -> where alone it may be imported: a part, or the name of a file.
AT_HOME = {
    "pydantic": ("config", "spec.py"),
    "typer": ("cli",),
    "rich": ("cli",),
    "pint": ("units",),
    "yaml": ("config", "cli", "testing"),
    "simpleeval": ("config",),
    "matplotlib": ("report",),
    "plotly": ("report",),
    "pymoo": ("search",),
    "sqlite3": ("study",),
    "onnx": ("workload",),
    "tflite": ("workload",),
    "torch": ("workload",),
    "numba": ("compiled",),
}
HEAVY = (
    "pydantic",
    "pint",
    "matplotlib",
    "plotly",
    "pymoo",
    "networkx",
    "scipy",
    "typer",
    "rich",
    "onnx",
    "google",
    "tflite",
    "flatbuffers",
    "torch",
    "numba",
)


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """Return the part of the house that a module belongs to; the front door's is empty."""
    return module.split(".")[1] if "." in module else ""


MODULES = {module_name(path): path for path in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_names(module: str, path: Path, *, at_the_top: bool = False) -> Iterator[tuple[str, int]]:
    """Yield every module that a file imports, with the line.

    Imports count wherever they stand: in functions, for types only, and as a string that names a module; or, if
    ``at_the_top``, only where they run when the module is imported.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in tree_of(path).body if at_the_top else ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*outer, *([node.module] if node.module else [])])
            # `from package import module` imports the module; of a name in a module, the module is what counts.
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Constant) and node.value in MODULES and node.value != PACKAGE.name:
            yield node.value, node.lineno


def own_module(name: str) -> str | None:
    """Return the longest part of a dotted name that is a module of ours."""
    while name not in MODULES and "." in name:
        name = name.rpartition(".")[0]
    return name if name in MODULES else None


def own_imports(module: str, path: Path, *, at_the_top: bool = False) -> Iterator[tuple[str, int]]:
    """Yield the modules of ours that a file imports, with the line."""
    for name, line in imported_names(module, path, at_the_top=at_the_top):
        target = own_module(name)
        # The front door knows everything, so that nothing inside may use it; only the version is anyone's to ask.
        if target is not None and target != module and name != f"{PACKAGE.name}.__version__":
            yield target, line


def allowed(importer: str, imported: str) -> bool:
    """Return whether a part may import another."""
    if importer == imported or importer in ("", *EDGES):
        return True
    if RANK.get(imported) == 0:
        return True
    return imported in RANK and RANK[imported] < RANK[importer]


def test_every_module_has_its_place() -> None:
    parts = {part_of(module) for module in MODULES} - {"", *EDGES}
    assert parts <= RANK.keys(), "a new part of the house needs a place in LAYERS"


def test_imports_point_left() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line} imports {target}"
        for module, path in MODULES.items()
        for target, line in own_imports(module, path)
        if not allowed(part_of(module), part_of(target)) and (module, target) not in PLUGGED
    ]
    assert not wrong, "\n".join(wrong)


def test_workload_and_hardware_do_not_know_each_other() -> None:
    assert not allowed("workload", "hardware")
    assert not allowed("hardware", "workload")
    assert allowed("mapping", "hardware")
    assert allowed("mapping", "workload")
    assert not allowed("cost", "schedule")
    assert not allowed("study", "cli")
    assert allowed("nas", "study")


def test_the_check_sees_every_kind_of_import(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(
        "import accelsim.errors\n"
        "from accelsim.config import source\n"
        "from accelsim.units import human\n"
        "from . import load\n"
        "from ..parameters import Space\n"
        "if TYPE_CHECKING:\n    import accelsim.registry\n"
        "def f():\n    import accelsim.dims\n    load_it('accelsim.workload.blocks')\n"
    )
    found = {(target, line) for target, line in own_imports("accelsim.workload.sample", path)}
    assert found == {
        ("accelsim.errors", 1),
        ("accelsim.config.source", 2),
        ("accelsim.units", 3),
        ("accelsim.workload.load", 4),
        ("accelsim.parameters", 5),
        ("accelsim.registry", 7),
        ("accelsim.dims", 9),
        ("accelsim.workload.blocks", 10),
    }


def test_modules_import_each_other_without_cycles() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, path in MODULES.items():
        graph.add_edges_from((module, target) for target, _ in own_imports(module, path, at_the_top=True))
    cycles = [group for group in nx.strongly_connected_components(graph) if len(group) > 1]
    assert not cycles


def test_libraries_are_imported_at_home_only() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line} imports {name}"
        for module, path in MODULES.items()
        for name, line in imported_names(module, path)
        if (homes := AT_HOME.get(name.partition(".")[0])) and not {part_of(module), path.name} & set(homes)
    ]
    assert not wrong, "\n".join(wrong)


def test_import_accelsim_waits_with_the_heavy_libraries() -> None:
    code = "import json, sys, accelsim; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert "accelsim" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("module", [name for name in MODULES if not name.endswith("__main__")])
def test_every_module_can_be_imported_and_has_what_it_promises(module: str) -> None:
    loaded = importlib.import_module(module)
    promised = list(getattr(loaded, "__all__", ()))
    assert len(promised) == len(set(promised))
    missing = [name for name in promised if not hasattr(loaded, name)]
    assert not missing


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_small_and_explain_themselves(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    undocumented = list(_undocumented(tree_of(path), path.stem))
    assert not undocumented


def _undocumented(node: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    """Yield the public things without a docstring: the module, its classes and functions, and their methods."""
    if ast.get_docstring(node) is None:
        yield name
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        if isinstance(child, ast.ClassDef):
            yield from _undocumented(child, f"{name}.{child.name}")
        elif ast.get_docstring(child) is None:
            yield f"{name}.{child.name}"

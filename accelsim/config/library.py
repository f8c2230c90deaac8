"""Where networks, templates and studies are found: the user's own folders first, then the ones that come along."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from accelsim.errors import InputError, Problem

__all__ = ["FOLDERS", "available", "find"]

#: What a folder holds, in the singular -> the folder's name.
FOLDERS = {
    "network": "workloads",
    "hardware": "hw_templates",
    "study": "studies",
    "technology": "hw_templates/technology",
}


def _bundled() -> Path:
    """Return the folder of the three YAML folders: inside an installed package, or at the top of a checkout."""
    package = Path(str(files("accelsim")))
    inside = package / "_data"
    return inside if inside.is_dir() else package.parent


def _folders(what: str) -> list[Path]:
    name = FOLDERS[what]
    return [folder for folder in (Path.cwd() / name, _bundled() / name) if folder.is_dir()]


def available(what: str) -> dict[str, Path]:
    """Return name -> file of every ``what`` ("network", "hardware" or "study"), the user's own before the bundled."""
    found: dict[str, Path] = {}
    for folder in _folders(what):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(what: str, name: str | Path) -> Path:
    """Return the file of a ``what`` given by name, or by path (anything with a slash or a YAML suffix).

    Raises:
        InputError: There is no such name or file.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if path.is_file():
            return path
        beside = sorted(str(p) for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise InputError(Problem.unknown(what, str(path), beside or available(what), "no such file"))
    known = available(what)
    if str(name) not in known:
        raise InputError(Problem.unknown(what, str(name), known, f"no such {what}"))
    return known[str(name)]

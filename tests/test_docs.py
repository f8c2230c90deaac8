"""What the documents show works: files load, Python runs, sums are right, named paths exist."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from accelsim import evaluate, load_hardware, load_network
from accelsim.cli.check import describe
from accelsim.config.source import Source
from accelsim.cost.traffic import Structure, traffic
from accelsim.dims import DIMS
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import convolution, loops

ROOT = Path(__file__).parents[1]
MODELS = ROOT.parent / "shared" / "reference" / "models"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[object]:
    """Return the code blocks of all pages in one language."""
    found = []
    for page in PAGES:
        for place, text in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)):
            found.append(pytest.param(text, id=f"{page.name}-{place}"))
    return found


@pytest.mark.parametrize("text", [b for b in blocks("yaml") if "schema_version" in b.values[0]])  # type: ignore[attr-defined]
def test_a_file_in_the_documents_has_no_mistakes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    assert describe(Source.read(path)).endswith("no mistakes")


@pytest.mark.parametrize("text", blocks("python"))
def test_python_in_the_documents_runs(text: str) -> None:
    exec(compile(text, "document", "exec"), {})  # noqa: S102 - the text is ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    named = re.findall(r"`((?:accelsim|tests|docs|studies|hw_templates|workloads|benchmarks)/[\w./]+)`", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [name for name in named if not (ROOT / name).exists() and "NAME" not in name]
    assert not missing


def test_the_commands_of_the_front_page_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake (\w+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_checked_sum_of_the_model_page() -> None:
    op = convolution((1, 4, 6, 6), 8, (3, 3))
    tile = np.array([[loops(K=8, C=4, OY=3, OX=6, FY=3, FX=3)]])
    structure = Structure(((True,) * 3,) * 2, (False,) * 2, outputs_held=True)
    moved = traffic(op, Mappings.of(tile, np.arange(len(DIMS))[None, None, :]), structure).moved
    weights, inputs = moved[0, 0, :2, 0]
    text = (ROOT / "docs" / "model.md").read_text()
    assert f"`2 x 4 x 6 x 4 = {inputs:.0f}`" in text
    assert f"`8 x 4 x 9 = {weights:.0f}`" in text


def test_the_layer_rows_of_the_front_page_are_todays() -> None:
    totals = evaluate(load_network("mobilenet_v2"), load_hardware("edge_tpu", lanes=64)).totals
    text = (ROOT / "README.md").read_text()
    assert f"latency      {totals.latency_ms:.3f} ms = {totals.latency_cycles:,.0f} cycles" in text
    assert f"energy       {totals.energy_pj / 1e9:.3f} mJ" in text


def test_the_table_of_counts_is_todays() -> None:
    from accelsim.cli.counts import markdown
    from accelsim.config.library import available
    from accelsim.workload.load import network_template
    from accelsim.workload.published import comparisons

    page = (ROOT / "docs" / "networks.md").read_text()
    table = page.partition("<!-- counts: accelsim counts --markdown -->\n")[2].partition("<!-- end -->")[0]
    rows = [row for name in available("network") for row in comparisons(network_template(name))]
    assert table.strip() == markdown(rows), "run `make counts`"


@pytest.mark.skipif(not MODELS.is_dir(), reason="the reference models are not here")
def test_the_table_of_real_models_is_todays() -> None:
    pytest.importorskip("onnx", reason="needs the extra onnx")
    pytest.importorskip("tflite", reason="needs the extra tflite")
    from accelsim.workload.importers import import_network
    from accelsim.workload.importers.coverage import Status

    page = (ROOT / "docs" / "networks.md").read_text()
    for path in sorted(MODELS.iterdir()):
        imported = import_network(path, batch=1)
        entries = imported.coverage.entries
        counts = [sum(entry.status is status for entry in entries) for status in Status]
        cells = [path.name, len(entries), *counts, f"{imported.network.params:,}", f"{imported.network.macs:,}"]
        assert f"| {' | '.join(map(str, cells))} |" in page

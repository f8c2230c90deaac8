"""Sets whose points may not be passed on are not drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.cli import main
from accelsim.validation.sets import SETS


@pytest.mark.parametrize("plotted", [True, False])
def test_only_what_may_be_shown_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plotted: bool) -> None:
    monkeypatch.setitem(SETS._members, "eyeriss", replace(SETS["eyeriss"], plotted=plotted))
    monkeypatch.setattr("sys.argv", ["accelsim", "validate", "eyeriss", "--plots", str(tmp_path / "images")])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert (tmp_path / "images" / "validation_eyeriss.png").is_file() == plotted

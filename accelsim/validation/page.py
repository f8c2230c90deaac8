"""``docs/validation.md``: reference sets as a page of Markdown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from accelsim.validation.sets import Outcome
from accelsim.validation.summary import HEAD, cells, remarks

__all__ = ["page", "section"]

_INTRODUCTION = """\
# Validation

How far the model is from chips, from models of vendors and from other tools. `accelsim validate` writes this page:

```
make validation                        # sets whose files are in tests/reference
make validation REFERENCE="FOLDER"     # and those in a folder of yours
accelsim validate --measurements FILE.csv --hardware NAME    # your own chip
```

A relative error is `predicted / reference - 1`. MAPE is the mean of its size, median and 90th percentile are those of
its size, bias is its mean with its sign, `within 10 %` the share of points that are at most 10 % off; Spearman and
Kendall say how well points are ranked. `0 %` is exactly 0; `0.00 %` is not. In the plots the band is 10 % wide to each
side.

A set of another tool or of a vendor's model shows that the model computes what that tool does; it says nothing of a
chip.
"""


def page(outcomes: Sequence[Outcome], plots: Mapping[str, Path], folder: Path) -> str:
    """Return the page.

    Args:
        outcomes: What came of each set.
        plots: Name of a set -> its parity plot.
        folder: Folder of the page, from which plots are linked.
    """
    run = [one for one in outcomes if one.comparison is not None]
    left_out = [one for one in outcomes if one.comparison is None]
    parts = [_INTRODUCTION]
    for outcome in run:
        image = plots.get(outcome.name)
        link = "" if image is None else Path(os.path.relpath(image, folder)).as_posix()
        parts.append(section(outcome, link))
    if left_out:
        lines = ["## Not run here", ""]
        lines += [f"* `{one.name}` ({one.set.title}; {one.set.kind}): {one.reason}" for one in left_out]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def section(outcome: Outcome, image: str = "") -> str:
    """Return the section of a set that was run.

    Args:
        outcome: What came of it.
        image: Path of its plot as the page links it; empty for none.

    Raises:
        ValueError: The set was not run.
    """
    if outcome.comparison is None:
        raise ValueError(f"{outcome.name} was not run")
    about = outcome.set
    rows = [HEAD, ("---", "---", *["---:"] * (len(HEAD) - 3), "---"), *map(cells, outcome.comparison.series)]
    lines = [f"## {about.title}", "", f"`{outcome.name}`, {about.kind}. Source: {about.source}.", ""]
    lines += [about.compared, ""]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    lines += ["", *(f"* {remark}" for remark in remarks(outcome)), ""]
    if about.not_modelled:
        lines += [f"**Not modelled or not compared.** {about.not_modelled}", ""]
    if image:
        lines += [f"![Predicted against reference: {about.title}]({image})", ""]
    return "\n".join(lines)

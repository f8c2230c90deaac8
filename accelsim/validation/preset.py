"""A calibration as a preset: a hardware file that says where its figures come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from accelsim.config.library import available
from accelsim.config.text import yaml_text
from accelsim.hardware.load import HardwareTemplate
from accelsim.validation.fit import Calibration
from accelsim.validation.measurements import Measurements

__all__ = ["preset_text"]


def preset_text(
    template: HardwareTemplate, measured: Measurements, found: Calibration, fixed: Mapping[str, object], folder: Path
) -> str:
    """Return the text of a preset with the fitted values, each with its provenance.

    Args:
        template: The template that was fitted.
        measured: What it was fitted to.
        found: The fit.
        fixed: Values of other parameters.
        folder: Where the preset will stand.
    """
    unseen = found.held_out
    how = (
        f"fitted to {len(measured)} rows of {measured.path.name} ({measured.quantity}); {found.folds}-fold "
        f"cross-validation: MAPE {100 * unseen.mape:.1f} %, {100 * unseen.within_10:.0f} % within 10 %"
    )
    content = {
        "schema_version": 1,
        "base": _base(template, folder),
        "description": f"{template.name}, calibrated with {measured.path.name}",
        "set": {**fixed, **{one.name: float(f"{one.value:.6g}") for one in found.parameters}},
        "sources": {
            f"parameters.{one.name}": {
                "mark": "measured",
                "source": f"{how}; 95 % confidence {one.low:.4g} to {one.high:.4g}",
            }
            for one in found.parameters
        },
    }
    warnings = "".join(f"# {warning}\n" for warning in found.warnings)
    return warnings + yaml_text(content)


def _base(template: HardwareTemplate, folder: Path) -> str:
    """Return what a file in ``folder`` calls a template: its name if that is enough, or the way to its file."""
    file = next(file for file in reversed(template.files) if file.stem == template.name).resolve()
    known = available("hardware").get(template.name)
    if known is not None and known.resolve() == file:
        return template.name
    return Path(os.path.relpath(file, folder.resolve())).as_posix()

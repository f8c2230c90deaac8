"""What engines that slide a two-dimensional window see of an op alike."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Plane"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Sizes of an op as an engine sees it: a two-dimensional convolution of one group, ``groups`` times.

    Attributes:
        images: Images.
        groups: Groups that run one after the other.
        kernels: Kernels of a group.
        channels: Input channels of a group.
        rows: Output rows.
        columns: Output columns.
        filter_rows: Taps down.
        filter_columns: Taps across.
    """

    images: int
    groups: int
    kernels: int
    channels: int
    rows: int
    columns: int
    filter_rows: int
    filter_columns: int

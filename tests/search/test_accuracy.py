"""The MobileNetV2 grid: published figures, interpolation inside, refusal outside, and an honest error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.search.accuracy import ESTIMATORS, Estimate
from accelsim.search.mobilenet_v2_grid import PUBLISHED, MobileNetV2Grid
from accelsim.workload.load import load_network

GRID = MobileNetV2Grid()


def test_the_published_table_has_22_models():
    assert len(PUBLISHED) == 22
    assert PUBLISHED[(1.0, 224)] == 71.8
    assert PUBLISHED[(0.35, 96)] == 45.5
    assert PUBLISHED[(1.4, 224)] == 75.0
    assert sum(PUBLISHED.values()) == pytest.approx(
        (71.8 + 70.7 + 68.8 + 65.3 + 60.3) + (69.8 + 68.7 + 66.4 + 63.2 + 58.8)
        + (65.4 + 63.9 + 61.0 + 57.7 + 51.2) + (60.3 + 58.2 + 55.7 + 50.8 + 45.5) + 75.0 + 74.4
    )  # fmt: skip


def test_published_models_get_the_published_figure():
    for (width, resolution), top1 in PUBLISHED.items():
        network = load_network("mobilenet_v2", width=width, resolution=resolution)
        assert GRID.estimate(network) == Estimate(top1)


def test_the_spline_itself_passes_through_the_published_models():
    for (width, resolution), top1 in PUBLISHED.items():
        # A hair inside the region, so that the look-up of published figures does not answer.
        near = GRID.top1(width - 1e-7 if width == 1.4 else width, resolution + (1e-6 if resolution < 224 else 0)).value
        assert near == pytest.approx(top1, abs=1e-3)


@given(
    width=st.floats(0.35, 1.0),
    resolution=st.floats(96, 224),
    wider=st.floats(1.02, 1.3),
    finer=st.floats(1.02, 1.3),
)
def test_wider_and_finer_networks_are_never_worse(width, resolution, wider, finer):
    here = GRID.top1(width, resolution).value
    assert 45.0 < here < 72.0
    assert GRID.top1(min(width * wider, 1.0), resolution).value >= here - 1e-9
    assert GRID.top1(width, min(resolution * finer, 224)).value >= here - 1e-9


def test_above_width_one_it_rises_along_resolution_224():
    values = [GRID.top1(width, 224).value for width in np.linspace(1.0, 1.4, 20)]
    assert (np.diff(values) > 0).all()
    assert 71.8 == values[0] < values[-1] == 75.0


@pytest.mark.parametrize(
    ("width", "resolution", "reason"),
    [
        (0.25, 224, "width 0.25 is outside 0.35 to 1.4"),
        (2.0, 224, "width 2 is outside 0.35 to 1.4"),
        (1.0, 64, "resolution 64 is outside 96 to 224"),
        (1.0, 256, "resolution 256 is outside 96 to 224"),
        (1.3, 192, "above width 1 only resolution 224 was published, not width 1.3 at resolution 192"),
    ],
)
def test_it_refuses_to_extrapolate_in_words(width, resolution, reason):
    assert GRID.top1(width, resolution) == Estimate(None, f"mobilenet_v2_grid does not extrapolate: {reason}")


def test_it_knows_one_network_only():
    assert GRID.estimate(load_network("resnet50")) == Estimate(
        None, "mobilenet_v2_grid knows mobilenet_v2 only, not resnet50"
    )


def test_a_network_with_further_parameters_is_not_the_published_one():
    network = load_network("mobilenet_v2")
    network.parameters["expansion"] = 3
    assert GRID.estimate(network).reason == "mobilenet_v2_grid knows width and resolution only, not expansion"


def test_leave_one_out_counts_only_models_that_others_surround():
    errors = GRID.leave_one_out
    assert set(PUBLISHED) - set(errors) == {(0.35, 96), (0.35, 224), (1.0, 96), (1.4, 224)}
    absolute = np.abs(list(errors.values()))
    assert absolute.mean() < 0.6
    assert absolute.max() < 1.6


def test_leave_one_out_is_what_a_second_fit_gives():
    from scipy.interpolate import RBFInterpolator

    others = [model for model in PUBLISHED if model != (0.5, 160)]
    spline = RBFInterpolator(np.log2(others), [PUBLISHED[m] for m in others], kernel="thin_plate_spline", degree=1)
    assert GRID.leave_one_out[(0.5, 160)] == pytest.approx(spline(np.log2([(0.5, 160)]))[0] - 61.0)


def test_trust_names_source_error_and_limits():
    text = GRID.trust()
    assert "22 published MobileNetV2 models (TensorFlow models, research/slim/nets/mobilenet" in text
    assert "Leave-one-out error over the 18 models that others surround: mean 0.46, at most 1.42 points" in text
    assert "quantisation is not included" in text


def test_estimators_are_found_by_name():
    assert ESTIMATORS["mobilenet_v2_grid"]().metric == "top1"
    with pytest.raises(InputError, match=r"unknown accuracy estimator.*Did you mean 'mobilenet_v2_grid'"):
        ESTIMATORS["mobilenetv2_grid"]

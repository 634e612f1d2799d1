"""What a reader of any figure may expect: nothing cut, nothing on top of each other."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from itertools import pairwise

import matplotlib as mpl
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from pyro_activeinf import plots
from tests.plots.trajectories import made, posterior

LABELS = {
    "place": ["a long corridor", "kitchen", "cellar", "roof"],
    "action": ["stay", "left", "right"],
}

FIGURES: dict[str, Callable[[], Figure]] = {
    "beliefs of one episode": lambda: plots.beliefs(made((31,)), labels=LABELS),
    "beliefs of ten episodes": lambda: plots.beliefs(made([3] * 10), labels=LABELS),
    "beliefs of uneven episodes": lambda: plots.beliefs(made((21, 89, 9, 101, 101, 66, 50, 28))),
    "beliefs of many episodes": lambda: plots.beliefs(made([3] * 150), labels=LABELS),
    "belief in one site": lambda: plots.beliefs(made(), sites="mood"),
    "policies of a posterior": lambda: plots.policies(posterior(), labels=LABELS),
    "policies of one episode": lambda: plots.policies(made((31,)), labels=LABELS),
    "policies of ten episodes": lambda: plots.policies(made([3] * 10), labels=LABELS),
    "actions": lambda: plots.policies(made([3] * 10, keep_policies=False), labels=LABELS),
    "free energy of one episode": lambda: plots.free_energy(made((31,))),
    "free energy of ten episodes": lambda: plots.free_energy(made([3] * 10)),
    "free energy of many episodes": lambda: plots.free_energy(made([3] * 150)),
    "free energy of a long episode": lambda: plots.free_energy(made((1000,))),
}


@pytest.fixture(scope="module", params=FIGURES.values(), ids=FIGURES.keys())
def figure(request: pytest.FixtureRequest) -> Figure:
    torch.manual_seed(0)
    drawn: Figure = request.param()
    drawn.draw_without_rendering()
    return drawn


def test_nothing_is_cut(figure: Figure) -> None:
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()

    assert box.x0 >= 0.0
    assert box.y0 >= 0.0
    assert box.x1 <= width
    assert box.y1 <= height


def written(axis: Axis) -> list[Bbox]:
    """Where the numbers and names along an axis are."""
    low, high = sorted(axis.get_view_interval())
    labels = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    shown = [label for label in labels if label.get_visible() and label.get_text().strip()]
    return [label.get_window_extent() for label in shown]


def test_numbers_and_names_along_an_axis_do_not_touch(figure: Figure) -> None:
    for axes in figure.axes:
        along = sorted((box.x0, box.x1) for box in written(axes.xaxis))
        up = sorted((box.y0, box.y1) for box in written(axes.yaxis))
        for boxes in (along, up):
            for (_, end), (start, _) in pairwise(boxes):
                assert end <= start + 0.5  # pixels


def test_text_is_large_enough(figure: Figure) -> None:
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]

    assert min(sizes) >= 8.0


def test_panels_do_not_overlap(figure: Figure) -> None:
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(wide, high) < 3.0  # pixels


def test_time_is_labeled_or_terms_are(figure: Figure) -> None:
    labels = " ".join(axes.get_xlabel() for axes in figure.axes)
    assert "time step" in labels or "episode" in labels or "nats" in labels


@pytest.mark.parametrize("form", ["png", "pdf", "svg"])
def test_figures_are_saved_in_every_form(form: str) -> None:
    buffer = BytesIO()
    FIGURES["actions"]().savefig(buffer, format=form)

    assert len(buffer.getvalue()) > 5000


def test_settings_stay_as_they_are_and_no_window_is_opened() -> None:
    before = dict(mpl.rcParams)
    for name in ("belief in one site", "policies of a posterior", "actions"):
        FIGURES[name]().draw_without_rendering()
    plots.free_energy(made())

    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []

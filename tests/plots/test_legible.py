"""What a reader of any figure may expect: nothing cut, nothing on top of each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from io import BytesIO
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pyro.distributions as dist
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from pyro_activeinf import plots
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.flows import NormalizingFlow
from pyro_activeinf.geometry import StatisticalManifold
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.planning import Sophisticated
from pyro_activeinf.plots._diagram import Box
from tests.planning.worlds import Tiger
from tests.plots.test__step_graph import Radio
from tests.plots.test_hierarchy_maps import WORDS, run
from tests.plots.trajectories import made, posterior

LABELS = {
    "place": ["a long corridor", "kitchen", "cellar", "roof"],
    "action": ["stay", "left", "right"],
}


def eight_sites() -> POMDP:
    """Eight factors, each moved by itself and its neighbor; eight observations of some of them."""
    random = np.random.default_rng(0)
    ring = [sorted({f, (f + 1) % 8}) for f in range(8)]
    seen = [sorted(random.choice(8, 1 + m % 3, replace=False).tolist()) for m in range(8)]
    moves = [np.full((2, 2, 2, 3 if f % 4 == 0 else 1), 0.5) for f in range(8)]
    moves[0][:, 0, 0, 0], moves[4][:, 0, 0, 0] = [1.0, 0.0], [0.0, 1.0]
    for table in moves:
        table[:, 1, 0], table[:, 0, 1] = [[0.9], [0.1]], [[0.2], [0.8]]
    sights = [np.moveaxis(random.dirichlet([1.0] * 3, [2] * len(deps)), -1, 0) for deps in seen]
    names = [f"factor of the world {f}" for f in range(8)]
    return POMDP(
        sights,
        moves,
        C=[np.arange(3.0)] * 8,
        A_dependencies=seen,
        B_dependencies=ring,
        state_names=names,
    )


def plan_of_tiger(precision: float) -> Figure:
    exact = ExactFilter(Tiger())
    planner = Sophisticated(3, precision=precision, terms={"pragmatic"})
    names = {"tiger": ["left", "right"], "action": ["listen", "open left", "open right"]}
    return plots.plan(planner, exact, exact.initial(), labels=names)


def plan_of_tmaze() -> Figure:
    exact = ExactFilter(TMaze())
    start = exact.update(exact.initial(), {"position": 0, "reward": 0})
    names = {"location": ["center", "left", "right", "cue"]}
    return plots.plan(Sophisticated(2, precision=1.0), exact, start, labels=names)


def grid_of(*lengths: int, shape: tuple[int, int]) -> Figure:
    run = made(lengths, controls=(4,))
    belief = torch.rand(sum(lengths), shape[0] * shape[1]).softmax(-1)
    return plots.grid_beliefs(
        replace(run, beliefs={"cell": belief}),
        shape,
        observed="sound",
        walls=[(1, 1)],
        marks={(shape[0] - 1, shape[1] - 1): "G"},
    )


def on_half_plane() -> Figure:
    space = StatisticalManifold(dist.Normal)
    p, q = torch.tensor([[-2.0, 0.5], [2.0, 0.7]])
    ways = {f"alpha = {a:.0f}": space.geodesic(p, q, alpha=a) for a in (0.0, 1.0, -1.0)}
    carried = torch.tensor([0.3, 0.3]), ways["alpha = 0"]
    return plots.manifold(space, [p, q], geodesics=ways, transport=carried)


def on_simplex() -> Figure:
    beliefs = torch.randn(8, 3).cumsum(0).softmax(-1)
    return plots.manifold(StatisticalManifold(dist.Categorical), beliefs[:2], path=beliefs)


def in_space() -> Figure:
    space = StatisticalManifold(dist.Dirichlet)
    p, q = torch.tensor([[1.0, 2.0, 3.0], [4.0, 1.0, 2.0]])
    way = space.geodesic(p, q)
    return plots.manifold(space, [p, q], geodesics=[way], transport=(torch.ones(3), way))


DIAGRAMS: dict[str, Callable[[], Figure]] = {
    "model of the T-maze": lambda: plots.model(TMaze()),
    "model with dependences within a step": lambda: plots.model(Radio(), step=3),
    "model of eight sites": lambda: plots.model(eight_sites()),
    "plan of the tiger problem": lambda: plan_of_tiger(math.inf),
    "plan of many actions": lambda: plan_of_tiger(0.05),
    "plan of the T-maze": plan_of_tmaze,
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
    "grid beliefs of one episode": lambda: grid_of(9, shape=(4, 4)),
    "grid beliefs of several episodes": lambda: grid_of(8, 5, shape=(5, 9)),
    "hierarchy of two levels": lambda: plots.hierarchy(run(), labels={"level1/word": WORDS}),
    "hierarchy of many episodes": lambda: plots.hierarchy(run(25)),
    "flow of four steps": lambda: plots.flow(NormalizingFlow(2, 4, "planar")),
    "flow of many steps": lambda: plots.flow(NormalizingFlow(2, 12, "radial")),
}

MANIFOLDS: dict[str, Callable[[], Figure]] = {
    "Normals on their half-plane": on_half_plane,
    "beliefs on the simplex": on_simplex,
    "Dirichlet distributions in space": in_space,
}


EVERY = FIGURES | DIAGRAMS | MANIFOLDS


@cache
def drawn(name: str) -> Figure:
    torch.manual_seed(0)
    figure = EVERY[name]()
    figure.draw_without_rendering()
    return figure


@pytest.fixture(scope="module", params=EVERY)
def figure(request: pytest.FixtureRequest) -> Figure:
    return drawn(request.param)


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


@pytest.mark.parametrize("name", FIGURES | DIAGRAMS)
def test_time_is_labeled_or_terms_are(name: str) -> None:
    figure = drawn(name)
    labels = " ".join(axes.get_xlabel() + axes.get_title() for axes in figure.axes)
    columns = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert any(word in labels for word in ("step", "episode", "nats")) or "s_{t-1}" in columns


def boxes_of_texts(axes: Axes) -> dict[Text, Box]:
    """Where the texts within a panel are, in pixels."""
    found = {}
    for text in axes.texts:
        extent = text.get_window_extent()
        center = (extent.x0 + extent.x1) / 2, (extent.y0 + extent.y1) / 2
        found[text] = Box(*center, extent.width, extent.height)
    return found


def strokes(axes: Axes) -> Iterator[np.ndarray]:
    """Ends of the lines and arrows in a panel, in pixels."""
    for line in axes.get_lines():
        if line.get_linestyle() != "None":
            yield axes.transData.transform(line.get_xydata())[[0, -1]]
    for patch in axes.patches:
        if isinstance(patch, FancyArrowPatch):
            yield axes.transData.transform(patch._posA_posB)  # type: ignore[attr-defined]


def test_texts_in_a_panel_do_not_overlap(figure: Figure) -> None:
    for axes in figure.axes:
        for one, other in combinations(boxes_of_texts(axes).values(), 2):
            assert not one.overlaps(replace(other, height=other.height - 4.0))


@pytest.fixture(scope="module", params=DIAGRAMS)
def diagram(request: pytest.FixtureRequest) -> Axes:
    return drawn(request.param).axes[0]


def test_no_line_runs_through_a_text(diagram: Axes) -> None:
    """But for the label of a line, which stands on it before a background of its own."""
    for text, box in boxes_of_texts(diagram).items():
        if text.get_bbox_patch() is None:
            for start, end in strokes(diagram):
                assert not box.meets(tuple(start), tuple(end))


def test_boxes_lie_within_the_panel(diagram: Axes) -> None:
    panel = diagram.get_window_extent()
    for patch in diagram.patches:
        extent = patch.get_window_extent()
        assert extent.x0 > panel.x0
        assert extent.x1 < panel.x1
        assert extent.y0 > panel.y0
        assert extent.y1 < panel.y1


def test_boxes_do_not_overlap_and_hold_their_texts(diagram: Axes) -> None:
    patches = [patch for patch in diagram.patches if isinstance(patch, FancyBboxPatch)]
    extents = [patch.get_window_extent() for patch in patches if patch.get_linewidth() > 0]
    for one, other in combinations(extents, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(wide, high) < 0.0
    for box in boxes_of_texts(diagram).values():
        around = [e for e in extents if e.x0 < box.x < e.x1 and e.y0 < box.y < e.y1]
        for extent in around:
            assert extent.x0 <= box.left[0]
            assert box.right[0] <= extent.x1
            assert extent.height >= box.height - 4.0  # between lines of text and the edges


@pytest.mark.parametrize("form", ["png", "pdf", "svg"])
def test_figures_are_saved_in_every_form(form: str) -> None:
    buffer = BytesIO()
    FIGURES["actions"]().savefig(buffer, format=form)
    assert len(buffer.getvalue()) > 5000
    diagram = BytesIO()
    drawn("plan of the tiger problem").savefig(diagram, format=form)
    assert len(diagram.getvalue()) > 5000


def test_settings_stay_as_they_are_and_no_window_is_opened() -> None:
    before = dict(mpl.rcParams)
    for name in ("belief in one site", "policies of a posterior", "actions"):
        FIGURES[name]().draw_without_rendering()
    plots.free_energy(made())
    DIAGRAMS["model of the T-maze"]().draw_without_rendering()
    DIAGRAMS["plan of the tiger problem"]().draw_without_rendering()
    grid_of(3, shape=(4, 4)).draw_without_rendering()

    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []

"""The figure of returns."""

import pytest

from pyro_activeinf.bench.outcomes import Outcome
from pyro_activeinf.bench.returns_figure import returns_figure


def test_a_panel_for_each_world() -> None:
    returns = (0.0, 1.0) * 20
    first = Outcome("ice", returns, 1.0, predicted=0.6, bar="0.6").to_json()
    second = Outcome("rocks", returns[:4], 1.0, bar=">= 0.2").to_json()
    page = returns_figure([first, second])
    assert [axes.get_title() for axes in page.axes] == ["ice", "rocks"]
    mean, predicted = page.axes[0].lines
    assert mean.get_ydata()[-1] == 0.5
    assert mean.get_xdata()[0] == 10
    assert predicted.get_ydata()[0] == 0.6
    *_, bar = page.axes[1].lines
    assert bar.get_ydata()[0] == pytest.approx(0.2)
    assert [text.get_text() for text in page.axes[1].get_legend().get_texts()][-1] == "bar"

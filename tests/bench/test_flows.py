"""What flows cost."""

from __future__ import annotations

import json
from pathlib import Path

from pyro_activeinf.bench import flows
from pyro_activeinf.flows.names import KINDS


def test_every_kind_is_measured_and_kept(tmp_path: Path) -> None:
    costs = flows.run(tmp_path, turns=1, batch=2)
    names = [cost.name for cost in costs]
    assert set(KINDS) < set(names)
    assert all(cost.forward >= 0.0 for cost in costs)
    assert {cost.name for cost in costs if cost.density is None} == {
        "planar",
        "radial",
        "sylvester",
        "neural_autoregressive",
    }
    content = json.loads((tmp_path / "flows.json").read_text())
    assert [cost["name"] for cost in content["costs"]] == names
    assert content["batch"] == 2


def test_the_table() -> None:
    found = flows.table([flows.Cost("planar", 1.234, None, None, 5)]).splitlines()
    assert found[0].startswith("| kind | forward")
    assert found[2] == "| planar | 1.23 | - | - |"


def test_the_page_says_what_was_measured() -> None:
    """Each kind has its row, with the numbers that are kept."""
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "choosing_a_flow.md").read_text("utf-8")
    kept = json.loads((docs / "results" / "flows.json").read_text("utf-8"))
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if "|" in line}
    for cost in kept["costs"]:
        if cost["name"] in KINDS:
            cells = rows[cost["name"]].split("|")[2:5]
            for cell, name in zip(cells, ("forward", "inverse", "density"), strict=True):
                value = cost[name]
                expected = "none" if value is None else f"{value:.2g}"
                shown = cell.strip() if value is None else f"{float(cell):.2g}"
                assert shown == expected, (cost["name"], name)

"""What was measured, as a table and as JSON."""

import json

from pyro_activeinf.bench.bars import AtMost, Ratio
from pyro_activeinf.bench.outcomes import Outcome
from pyro_activeinf.bench.results import HEAD, Cost, Curve, Point, Results, Row
from pyro_activeinf.bench.sample import Sample

FAST, SLOW = Sample("seconds", (0.001,)), Sample("seconds", (0.020,))
LITTLE = Sample("bytes", (1024.0,))


def test_verdicts() -> None:
    assert Row("a", FAST, SLOW, Ratio(15)).verdict == "pass"
    assert Row("a", SLOW, FAST, Ratio(15)).verdict == "FAIL"
    assert Row("a", FAST, None, Ratio(15)).verdict == ""
    assert Row("a", FAST, SLOW).verdict == ""
    assert Row("a", LITTLE, bar=AtMost(1024)).verdict == "pass"


def test_results_that_differ_pass_no_bar() -> None:
    row = Row("a", FAST, SLOW, Ratio(15), difference=0.1)
    assert row.verdict == "DIFFERS"
    assert row.passed is False
    assert Row("a", FAST, SLOW, Ratio(15), difference=1e-5).passed is True


def test_ratio_of_nothing() -> None:
    assert Row("a", Sample("bytes", (0.0,)), LITTLE).ratio is None
    assert Row("a", FAST).ratio is None


def test_cells() -> None:
    row = Row("a", FAST, SLOW, Ratio(15), 1e-6, 0.5, Sample("seconds", (0.0005,)))
    expected = ("a", "1 ms", "20 ms", "20x", ">= 15x", "pass", "1.0e-06", "500 ms", "2x")
    assert row.cells() == expected
    assert len(Row("a", FAST).cells()) == len(HEAD)
    assert Row("a", FAST).cells()[2:4] == ("-", "-")


def test_table_tells_failures_and_absence() -> None:
    text = Results({}, (Row("a", FAST),), failures={"b": "it broke"}, absence="No peer.").table()
    lines = text.split("\n")
    assert lines[0].startswith("measurement  ours")
    assert lines[2:] == ["b: it broke", "No peer."]


def test_nothing_measured() -> None:
    assert Results({}, ()).table() == ""


def test_json() -> None:
    cost = Cost(FAST, LITTLE)
    curve = Curve("a curve", "states", "all else", (Point(9, cost, None), Point(16, cost, cost)))
    results = Results({"cores": 2}, (Row("a", FAST, SLOW, Ratio(15)),), (curve,))
    content = json.loads(results.to_json())
    assert content["facts"] == {"cores": 2}
    assert content["peer_absent"] is None
    assert content["rows"][0]["ratio"] == 20.0
    assert content["rows"][0]["passed"] is True
    assert content["rows"][0]["ours"]["median"] == 0.001
    sizes = [(point["size"], point["peer"] is None) for point in content["curves"][0]["points"]]
    assert sizes == [(9, True), (16, False)]


def test_a_curve_that_was_kept() -> None:
    cost = Cost(FAST, LITTLE)
    points = (Point(9, cost, None), Point(16, cost, cost))
    kept = Curve("a curve", "states", "all else", points).to_json()
    assert Curve.from_json(kept).to_json() == kept


def test_outcomes_have_a_table_of_their_own() -> None:
    outcome = Outcome("ice", (0.0, 1.0), 2.0)
    lines = Results({"cores": 2}, (Row("a", FAST),), outcomes=(outcome,)).table().split("\n")
    assert lines[0].startswith("measurement")
    assert lines[2].startswith("world")
    assert lines[3].split()[0] == "ice"
    content = json.loads(Results({"cores": 2}, (), outcomes=(outcome,)).to_json())
    assert content["outcomes"][0]["facts"] == {"cores": 2}

"""Repeated measurements of one quantity."""

import pytest

from pyro_activeinf.bench.sample import Sample, readable_seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(18.2, "18.2 s"), (1.0, "1 s"), (0.25, "250 ms"), (0.001, "1 ms"), (2.7e-4, "270 us")],
)
def test_readable_seconds(seconds: float, text: str) -> None:
    assert readable_seconds(seconds) == text


def test_median_and_quartiles() -> None:
    sample = Sample("seconds", (4.0, 1.0, 3.0, 2.0, 100.0))
    assert sample.median == 3.0
    assert sample.to_json() == {
        "unit": "seconds",
        "median": 3.0,
        "quartiles": [1.5, 52.0],
        "measurements": 5,
    }


def test_a_single_measurement() -> None:
    sample = Sample("bytes", (2048.0,))
    assert str(sample) == "2.0 KiB"
    assert sample.to_json()["quartiles"] == [2048.0, 2048.0]


def test_a_sample_that_was_kept() -> None:
    for values in ((4.0, 1.0, 3.0, 2.0, 100.0), (2.0,)):
        kept = Sample("seconds", values).to_json()
        assert Sample.from_json(kept).to_json() == kept
        assert Sample.from_json(kept).median == Sample("seconds", values).median

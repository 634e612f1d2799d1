"""What a measurement has to reach."""

from pyro_activeinf.bench.bars import AtMost, Ratio


def test_ratio() -> None:
    bar = Ratio(20)
    assert bar.reached(1.0, 20.0) is True
    assert bar.reached(1.0, 19.9) is False
    assert bar.reached(1.0, None) is None
    assert str(bar) == ">= 20x"


def test_at_most() -> None:
    bar = AtMost(1024)
    assert bar.reached(1024.0, None)
    assert not bar.reached(1025.0, 1.0)
    assert str(bar) == "<= 1.0 KiB"

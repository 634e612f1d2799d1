"""Which terms of expected free energy count."""

import pytest

from pyro_activeinf import ExpectedFreeEnergy
from pyro_activeinf.free_energy.counted import counted_terms
from pyro_activeinf.records import ALL_TERMS


def test_names_one_by_one_or_all() -> None:
    assert counted_terms(None) == ALL_TERMS
    assert counted_terms("epistemic") == counted_terms(["epistemic"]) == {"epistemic"}
    assert counted_terms(()) == set()
    assert ExpectedFreeEnergy(terms="pragmatic").terms == {"pragmatic"}


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`terms`.*pragmatic.*'risk'"):
        counted_terms({"risk"})

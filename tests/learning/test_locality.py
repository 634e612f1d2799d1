"""Modules keep their parameters, whatever Pyro's setting was when they were made."""

from __future__ import annotations

import pyro
import pytest
from pyro import poutine

from pyro_activeinf.learning.locality import forget_stray_parameters, local_parameters

from .programs import Regression, line


@pytest.mark.parametrize("local", [True, False])
def test_the_store_stays_empty(local: bool) -> None:
    with pyro.settings.context(module_local_params=local):
        model = Regression()
        with local_parameters(model):
            sites = poutine.trace(model).get_trace(*line()).nodes
    assert "noise" in sites
    assert not pyro.get_param_store().keys()


def test_the_setting_is_restored_after_an_error() -> None:
    with pytest.raises(KeyError), local_parameters():
        raise KeyError
    assert not pyro.settings.get("module_local_params")


def test_functions_are_let_through() -> None:
    forget_stray_parameters(line, None)
    with local_parameters(line, None):
        assert pyro.settings.get("module_local_params")

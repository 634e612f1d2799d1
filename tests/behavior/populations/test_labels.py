"""Names of event dims fit the shapes of the sites."""

import pytest
from pyro import poutine

from pyro_activeinf.behavior import Conditions, Hierarchical, Horseshoe, Mixture, Regression
from pyro_activeinf.behavior.populations import Population, event_labels
from tests.behavior.populations.programs import model, some_choices

POPULATIONS = {
    "hierarchical": Hierarchical(),
    "regression": Regression("age + group"),
    "formulas": Regression({"rate": "age", "temperature": "age * group"}),
    "horseshoe": Horseshoe({"rate": "age + group"}),
    "conditions": Conditions("drug"),
    "conditions of some": Conditions("drug", ["rate"]),
    "mixture": Mixture(3, Regression({"rate": "age + group"})),
}


@pytest.mark.parametrize("population", POPULATIONS.values(), ids=POPULATIONS.keys())
def test_there_is_a_label_for_each_number(population: Population) -> None:
    choices, program = some_choices(), model(population)
    found = event_labels(population, ["rate", "temperature"], choices)
    sites = poutine.trace(program).get_trace(choices).nodes
    for site, (_, labels) in found.items():
        if site in sites:
            assert sites[site]["fn"].event_shape[0] == len(labels)
        else:
            assert isinstance(population, Mixture)
            assert site in program.events
    named = {name for name in sites if name.endswith(("coefficients", "effects"))}
    assert named <= found.keys()


def test_columns_have_the_names_of_formulaic() -> None:
    found = event_labels(Regression("age + group"), ["rate"], some_choices())
    assert found == {"rate_coefficients": ("rate_covariate", ("age", "group[T.b]"))}
    effects = event_labels(Conditions("drug"), ["rate"], some_choices())
    assert effects == {"rate_effects": ("drug", ("off",))}

"""The tree of policy prefixes."""

import itertools
import math

import pytest
import torch

from pyro_activeinf.planning.tree import (
    Paths,
    all_policies,
    is_full,
    node_places,
    policy_tree,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(("controls", "horizon"), [([2], 3), ([3, 2], 2), ([1], 2)])
def test_policies_come_in_the_order_of_product(controls: list[int], horizon: int) -> None:
    actions = list(itertools.product(*(range(n) for n in controls)))
    expected = torch.tensor(list(itertools.product(actions, repeat=horizon)))
    found = all_policies(controls, horizon, CPU)
    assert torch.equal(found, expected.squeeze(-1) if len(controls) == 1 else expected)


@pytest.mark.parametrize("rows", [slice(None), slice(3, 7), slice(2, None, 3), slice(0, 1)])
def test_following_nodes_to_the_root_gives_the_policy_back(rows: slice) -> None:
    policies = all_policies([3], 3, CPU)[rows]
    tree = policy_tree(policies, [3])
    for p, policy in enumerate(policies.tolist()):
        node, path = int(tree.nodes[-1][p]), []
        for parents, actions in zip(reversed(tree.parents), reversed(tree.actions), strict=True):
            path.insert(0, int(actions[node]))
            node = int(parents[node])
        assert path == policy
    distinct = [len({tuple(x[:t]) for x in policies.tolist()}) for t in (1, 2, 3)]
    assert [len(actions) for actions in tree.actions] == distinct


def test_only_full_branching_is_complete() -> None:
    assert policy_tree(all_policies([3], 2, CPU), [3]).complete == (True, True)
    assert policy_tree(all_policies([3], 2, CPU)[:6], [3]).complete == (False, True)
    assert policy_tree(all_policies([3], 2, CPU)[1:], [3]).complete == (True, False)


@pytest.mark.parametrize("batch", [(), (3, 2)])
@pytest.mark.parametrize(("controls", "small"), [([3], True), ([2, 2], True), ([2], False)])
def test_sums_along_policies_and_over_first_actions(
    batch: tuple[int, ...], controls: list[int], small: bool
) -> None:
    horizon = 3 if small else 8  # beyond the size that is worth a matrix
    policies = all_policies(controls, horizon, CPU)
    places = node_places([policy_tree(policies, controls)])
    paths = Paths.of(places, policies, controls, torch.float64)
    assert (paths.through is not None) == small
    each = torch.randn(*batch, int(places.max()) + 1, dtype=torch.float64)
    torch.testing.assert_close(paths.total(each, finite=True), each[..., places].sum(-1))
    probs = torch.rand(*batch, len(policies), dtype=torch.float64)
    actions = math.prod(controls)
    block = len(policies) // actions  # policies are in the order of product
    expected = probs.unflatten(-1, (actions, block)).sum(-1)
    torch.testing.assert_close(paths.marginal(probs, actions), expected)


def test_an_infinite_score_stays_with_its_own_policies() -> None:
    policies = all_policies([2], 2, CPU)
    paths = Paths.of(node_places([policy_tree(policies, [2])]), policies, [2], torch.float64)
    each = torch.zeros(6, dtype=torch.float64)
    each[0] = math.inf
    assert paths.total(each, finite=False).tolist() == [math.inf, math.inf, 0.0, 0.0]


def test_sums_down_a_full_tree_are_sums_along_its_paths() -> None:
    policies = all_policies([3], 7, CPU)
    places = node_places([policy_tree(policies, [3])])
    paths = Paths.of(places, policies, [3], torch.float64)
    assert paths.through is None
    assert paths.branching == 3
    each = torch.randn(2, int(places.max()) + 1)
    torch.testing.assert_close(paths.total(each, True), each[:, places].sum(-1))
    probs = torch.rand(2, len(policies))
    expected = torch.stack([probs[:, policies[:, 0] == u].sum(-1) for u in range(3)], -1)
    torch.testing.assert_close(paths.marginal(probs, 3), expected)


def test_a_tree_that_lacks_a_policy_or_has_another_order_is_not_full() -> None:
    policies = all_policies([2], 3, CPU)
    places = node_places([policy_tree(policies, [2])])
    assert is_full(places, 2)
    assert not is_full(places[1:], 2)
    assert not is_full(places.flip(0), 2)


def test_numbers_of_another_precision_are_summed_as_well() -> None:
    policies = all_policies([2], 2, CPU)
    paths = Paths.of(node_places([policy_tree(policies, [2])]), policies, [2], torch.float32)
    assert paths.total(torch.ones(6, dtype=torch.float64), finite=True).tolist() == [2.0] * 4
    assert paths.marginal(torch.ones(4, dtype=torch.float64), 2).tolist() == [2.0, 2.0]

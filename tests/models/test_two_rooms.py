"""Two rooms, level over level and flat: of the same world."""

import numpy as np
import pytest
import torch

from pyro_activeinf.envs import read_map
from pyro_activeinf.envs import two_rooms as world
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import RoomLegs, RoomWalk, next_to_aim, rooms
from pyro_activeinf.models import two_rooms as model


def test_the_models_are_of_the_map_of_the_world() -> None:
    places = read_map(world.__globals__["MAP"])
    flat = rooms()
    assert (list(flat.walls), list(flat.starts)) == (places["walls"], places["starts"])
    assert list(flat.goals) == places["goals"] == [model.AIMS[2]]
    walk = RoomWalk().to_arrays()
    torch.testing.assert_close(walk.B[0], flat.to_arrays().B[0])
    torch.testing.assert_close(walk.A[0], flat.to_arrays().A[0])


def test_places_and_aims_are_where_they_are_said_to_be() -> None:
    location, aim, position = RoomLegs().to_arrays().A
    free = torch.tensor([symbol != "#" for symbol in "".join(model.MAP.split())])
    assert not location[~free].any()
    columns = torch.arange(27) % 9
    west, door, east, goal = location.argmax(0).tolist()
    assert (west % 9 < 4, door, east % 9 > 4, goal) == (True, 13, True, 17)
    assert float(location[columns < 4, 0].sum()) == pytest.approx(0.9 + 0.1 * 12 / 25)
    assert position.argmax(0).tolist() == [18, 13, 17]
    torch.testing.assert_close(aim, torch.eye(3))


def test_legs_lead_from_room_to_room_through_the_door() -> None:
    moves = RoomLegs().arrival
    torch.testing.assert_close(moves.sum(-1), torch.ones(4, 3))
    ends = moves.argmax(-1)
    assert ends[model.WEST].tolist() == [model.WEST, model.DOOR, model.WEST]
    assert ends[model.DOOR].tolist() == [model.WEST, model.DOOR, model.GOAL]
    assert ends[model.EAST].tolist() == [model.EAST, model.DOOR, model.GOAL]


def test_a_walk_is_over_where_the_next_move_may_reach_its_aim() -> None:
    filter = ExactFilter(RoomWalk())
    probs = torch.zeros(3, 27, 3)
    for row, (cell, aim) in enumerate([(12, 1), (12, 0), (16, 2)]):
        probs[row, cell, aim] = 1.0
    belief = filter.initial((3,))
    belief = type(belief)(0, belief.sites, log_probs_=probs.log().flatten(1))
    assert next_to_aim(belief).tolist() == [True, False, True]
    np.testing.assert_array_equal(model._near().sum(-1), [2, 4, 3])

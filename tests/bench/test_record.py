"""The file of all measurements."""

import json
from pathlib import Path

import pytest

from pyro_activeinf.bench import record
from pyro_activeinf.bench.results import Results, Row
from pyro_activeinf.bench.sample import Sample

FAST, SLOW = Sample("seconds", (0.001,)), Sample("seconds", (0.020,))


def test_nothing_was_measured_before(tmp_path: Path) -> None:
    assert record.read(tmp_path) == {}
    assert record.names({}) == set()
    results = Results({}, (Row("a", FAST),))
    assert record.merged({}, results) == json.loads(results.to_json())


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    content = record.merged({}, Results({}, (Row("a", FAST),)))
    record.save(content, tmp_path)
    assert record.read(tmp_path) == content
    assert [path.name for path in tmp_path.iterdir()] == [record.NAME]


def test_entries_are_merged_by_name() -> None:
    earlier = json.loads(Results({"run": 1}, (Row("a", FAST), Row("b", FAST))).to_json())
    content = record.merged(earlier, Results({"run": 2}, (Row("c", FAST), Row("a", SLOW))))
    found = [(row["name"], row["ours"]["median"], row["facts"]["run"]) for row in content["rows"]]
    assert found == [("a", 0.020, 2), ("b", 0.001, 1), ("c", 0.001, 2)]


def test_failures_are_kept_until_they_are_overcome() -> None:
    earlier = json.loads(Results({}, (), failures={"a": "broke", "b": "broke"}).to_json())
    content = record.merged(earlier, Results({}, (Row("a", FAST),), failures={"c": "broke too"}))
    assert content["failures"] == {"b": "broke", "c": "broke too"}


@pytest.mark.parametrize("text", ["", "[]", '{"rows": [1]}', '{"rows": [{}]}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / record.NAME).write_text(text)
    with pytest.raises(ValueError, match=r"`output`: expected a folder whose bench\.json"):
        record.read(tmp_path)

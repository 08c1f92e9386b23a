"""Names of executions: valid in Flyte, the same for the same try, another for any other."""

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st
from tandem_flyte.naming import MAX_LENGTH, execution_name, parse

keys = st.fixed_dictionaries(
    {
        "dag_id": st.text(min_size=1, max_size=250),
        "task_id": st.text(min_size=1, max_size=250),
        "run_id": st.text(min_size=1, max_size=250),
        "map_index": st.integers(min_value=-1, max_value=100_000),
        "try_number": st.integers(min_value=1, max_value=9_999),
        "max_tries": st.integers(min_value=0, max_value=9_999),
        "instance_id": st.uuids().map(str),
    }
)


@given(keys)
def test_every_name_is_valid_in_flyte_and_can_be_read_back(key):
    name = execution_name(**key)

    assert re.fullmatch(r"[a-z][a-z0-9-]*", str(name))
    assert len(str(name)) <= MAX_LENGTH
    read = parse(str(name))
    assert read is not None
    assert (read.family, read.attempt, read.generation) == (name.family, key["try_number"], key["max_tries"])
    assert str(execution_name(**key)) == str(name)


@given(keys, keys)
def test_two_tries_share_a_name_only_if_they_are_the_same(one, other):
    assert (str(execution_name(**one)) == str(execution_name(**other))) == (one == other)


@given(keys, st.sampled_from(["dag_id", "task_id", "run_id", "map_index"]))
def test_only_tries_of_one_task_instance_are_of_one_family(key, changed):
    retried = {**key, "try_number": key["try_number"] + 1, "instance_id": str(uuid.uuid4())}
    stranger = {**retried, changed: key["map_index"] + 1 if changed == "map_index" else key[changed] + "x"}

    assert execution_name(**retried).is_predecessor(execution_name(**key))
    assert not execution_name(**key).is_predecessor(execution_name(**retried))
    assert not execution_name(**stranger).is_predecessor(execution_name(**key))


def test_a_name_tells_a_person_which_task_it_is_of():
    name = execution_name(
        dag_id="housing_consumer",
        task_id="train.by_group",
        run_id="manual__2026-11-21",
        map_index=3,
        try_number=2,
        max_tries=4,
        instance_id="7a",
    )

    assert re.fullmatch(r"housing-cons-train-by-gro-[0-9a-f]{16}-2-4-[0-9a-f]{6}", str(name))


def test_other_names_are_left_alone():
    assert parse("a0b1c2d3e4f5a6b7c8d9") is None

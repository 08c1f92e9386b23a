"""Which execution a try gets: its own, an earlier try's that lives, or one that goes on from a failed one."""

import threading

import pytest
from tandem_flyte.identity import Identity
from tandem_flyte.launching import ExecutionOptions
from tandem_flyte.runs import FlyteRun

from tests.provider.fake_admin import Phase


def identity(try_number=1, max_tries=3, instance=None, **changes):
    given = {
        "dag_id": "housing",
        "task_id": "train",
        "run_id": "r1",
        "map_index": -1,
        "try_number": try_number,
        "max_tries": max_tries,
        "instance_id": instance or f"instance-{try_number}",
    }
    return Identity(**{**given, **changes})


@pytest.fixture
def start(admin, hook):
    admin.add_launch_plan("p", {})

    def start_run(who, *, recover=False):
        run = FlyteRun(hook, who)
        run.start(
            launchplan_name="p",
            task_name=None,
            version=None,
            inputs={},
            options=ExecutionOptions(),
            recover=recover,
        )
        return run

    return start_run


def phase_of(admin, run):
    return Phase.Name(admin.executions[run.name].closure.phase)


def test_a_try_whose_worker_died_after_creating_it_gets_the_same_execution(admin, start):
    first = start(identity())
    again = start(identity())

    assert again.name == first.name
    assert len(admin.executions) == 1


def test_a_retry_attaches_to_the_execution_that_an_earlier_try_left_alive(admin, start):
    first = start(identity(1))
    second = start(identity(2))
    third = start(identity(3))

    assert first.name == second.name == third.name
    assert admin.calls["CreateExecution"] == 1


def test_a_retry_takes_over_what_has_succeeded_meanwhile(admin, start):
    first = start(identity(1))
    admin.executions[first.name].closure.phase = Phase.SUCCEEDED

    assert start(identity(2)).name == first.name


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT, Phase.ABORTING])
def test_a_retry_of_what_has_ended_badly_is_a_new_execution(admin, start, phase):
    first = start(identity(1))
    admin.executions[first.name].closure.phase = phase

    second = start(identity(2))

    assert second.name != first.name
    assert phase_of(admin, second) == "RUNNING"


def test_a_cleared_task_gets_a_new_execution_and_the_old_one_is_stopped(admin, start):
    first = start(identity(1, max_tries=3))

    cleared = start(identity(2, max_tries=4))

    assert cleared.name != first.name
    assert phase_of(admin, first) == "ABORTED"
    assert "the task was cleared" in admin.cause_of(first.name)
    assert phase_of(admin, cleared) == "RUNNING"


def test_a_cleared_task_does_not_take_over_what_succeeded_before(admin, start):
    first = start(identity(1, max_tries=3))
    admin.executions[first.name].closure.phase = Phase.SUCCEEDED

    assert start(identity(2, max_tries=4)).name != first.name


def test_a_run_that_was_deleted_and_made_again_gets_new_executions(admin, start):
    first = start(identity(instance="before"))
    admin.executions[first.name].closure.phase = Phase.SUCCEEDED

    assert start(identity(instance="after")).name != first.name


def test_mapped_tasks_and_other_tasks_are_not_attached_to(admin, start):
    runs = [start(identity(2, map_index=index)) for index in range(50)]
    runs += [start(identity(2, dag_id="other")), start(identity(2, run_id="r2"))]

    assert len({run.name for run in runs}) == len(admin.executions) == 52


def test_recover_goes_on_from_the_failed_execution(admin, start):
    first = start(identity(1))
    admin.fail(first.name, "USER", "boom")

    second = start(identity(2), recover=True)

    assert admin.calls["RecoverExecution"] == 1
    assert admin.executions[second.name].spec.metadata.reference_execution.name == first.name
    assert start(identity(2), recover=True).name == second.name


def test_recover_starts_anew_where_nothing_has_failed_or_the_task_was_cleared(admin, start):
    first = start(identity(1), recover=True)
    start(identity(2, max_tries=9), recover=True)

    assert phase_of(admin, first) == "ABORTED"
    assert admin.calls["RecoverExecution"] == 0
    assert admin.calls["CreateExecution"] == 2


def test_the_annotations_say_where_an_execution_comes_from(admin, start):
    run = start(identity(map_index=4))

    assert dict(admin.executions[run.name].spec.annotations.values) == {
        "airflow/dag-id": "housing",
        "airflow/task-id": "train",
        "airflow/run-id": "r1",
        "airflow/map-index": "4",
        "airflow/try-number": "1",
    }


def test_stopping_says_who_and_why_once(admin, start):
    run = start(identity())

    run.stop("a reason")
    run.stop("another reason")

    assert admin.cause_of(run.name) == "Airflow: a reason (dag housing, task train, run r1, try 1)"
    assert admin.calls["TerminateExecution"] == 1


def test_a_signal_in_the_middle_of_the_submission_leaves_nothing_behind(admin, hook):
    """The handler runs while CreateExecution is on its way: what it creates is stopped all the same."""
    admin.add_launch_plan("p", {})
    run = FlyteRun(hook, identity())
    arrived, go_on = threading.Event(), threading.Event()

    def hold(method, _context):
        if method == "CreateExecution":
            arrived.set()
            go_on.wait(10)

    admin.before = hold
    arguments = {"task_name": None, "version": None, "inputs": {}, "options": ExecutionOptions(), "recover": False}
    errors = []

    def submit():
        try:
            run.start(launchplan_name="p", **arguments)
        except Exception as error:
            errors.append(str(error))

    worker = threading.Thread(target=submit)
    worker.start()
    arrived.wait(10)
    threading.Timer(0.5, go_on.set).start()
    run.stop_from_signal("told to")
    worker.join(10)

    assert phase_of(admin, run) == "ABORTED"
    assert "told to" in errors[0]


def test_a_signal_before_the_submission_means_that_there_is_none(admin, hook):
    admin.add_launch_plan("p", {})
    run = FlyteRun(hook, identity())
    run.stop_from_signal("told to")

    with pytest.raises(Exception, match="told to stop"):
        run.start(
            launchplan_name="p", task_name=None, version=None, inputs={}, options=ExecutionOptions(), recover=False
        )

    assert admin.calls["CreateExecution"] == 0


def test_a_task_that_was_marked_while_it_submitted_stops_what_it_started(admin, start, monkeypatch):
    run = start(identity())
    monkeypatch.setattr(Identity, "state", lambda _self: "failed")

    with pytest.raises(Exception, match="the task was marked failed"):
        run.refuse_if_ended()

    assert "the task was marked failed" in admin.cause_of(run.name)


def test_all_that_lives_of_a_task_instance_is_stopped_when_its_wait_is_lost(admin, start):
    first = start(identity(1))
    second = FlyteRun(first.hook, identity(2))

    second.stop_live_ones("trigger timeout")

    assert "trigger timeout" in admin.cause_of(first.name)


def test_what_a_lost_worker_starts_late_is_stopped_by_the_try_that_replaced_it(admin, start, hook):
    """The lost worker's request arrives between the look for earlier executions and the new one's start."""
    lost = str(identity(1).name)
    admin.before = lambda method, _: method == "CreateExecution" and admin.add_execution(lost)

    run = start(identity(2))

    assert hook.status(lost).phase == "ABORTED"
    assert f"a later try runs {run.name}" in admin.cause_of(lost)
    assert phase_of(admin, run) == "RUNNING"


def test_a_try_that_airflow_has_replaced_starts_nothing(admin, hook):
    admin.add_launch_plan("p", {})

    def replaced(name):
        raise LookupError(name)

    with pytest.raises(LookupError):
        FlyteRun(hook, identity()).start(
            launchplan_name="p",
            task_name=None,
            version=None,
            inputs={},
            options=ExecutionOptions(),
            recover=False,
            claim=replaced,
        )

    assert admin.calls["CreateExecution"] == 0

"""Thousands of waits in one event loop: few calls, no blocking, nothing stopped that nobody meant to stop."""

import asyncio
import time

import grpc
import pytest
from tandem_flyte.hooks.flyte import FlyteHook
from tandem_flyte.triggers import flyte as trigger_module
from tandem_flyte.triggers.flyte import FlyteTrigger

from tests.provider.conftest import SECRET
from tests.provider.fake_admin import Phase

USER_ACTION = "__airflow_user_action__"


def trigger(name="n", **changes):
    given = {
        "flyte_conn_id": "flyte_conn",
        "project": "tandem",
        "domain": "development",
        "execution_name": name,
        "poll_interval": 0.1,
        "owner": "dag d, task t, run r, try 1",
    }
    return FlyteTrigger(**{**given, **changes})


async def outcome(wait):
    return [event.payload async for event in wait.run()]


async def eventually(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- the condition is another thread's
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT])
async def test_only_a_phase_that_flyte_never_leaves_ends_the_wait(admin, phase):
    admin.add_execution("n", Phase.QUEUED)
    wait = asyncio.create_task(outcome(trigger()))
    for passing in (Phase.RUNNING, Phase.SUCCEEDING, Phase.FAILING, Phase.ABORTING):
        admin.executions["n"].closure.phase = passing
        seen = admin.calls["ListExecutions"]
        await eventually(lambda seen=seen: admin.calls["ListExecutions"] > seen + 1)
        assert not wait.done()
    admin.executions["n"].closure.phase = phase

    (event,) = await wait

    assert event["phase"] == Phase.Name(phase)


async def test_a_thousand_waits_cost_ten_calls_an_interval_and_never_block_the_loop(admin):
    names = [f"n{index}" for index in range(1000)]
    for name in names:
        admin.add_execution(name)
    waits = [asyncio.create_task(outcome(trigger(name, poll_interval=1.0))) for name in names]
    longest = 0.0
    started = time.monotonic()
    while admin.calls["ListExecutions"] < 30:
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before)
    intervals = time.monotonic() - started
    calls = admin.calls["ListExecutions"]
    for execution in admin.executions.values():
        execution.closure.phase = Phase.SUCCEEDED
    events = await asyncio.gather(*waits)

    assert calls <= 10 * (intervals + 1)
    assert longest < 0.2
    assert {event["phase"] for (event,) in events} == {"SUCCEEDED"}
    assert admin.calls["GetExecution"] == 0


async def test_blips_and_a_restart_of_flyte_end_nothing(server, admin):
    admin.add_execution("n")
    blips = iter([grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])

    def blip(_method, context):
        if code := next(blips, None):
            context.abort(code, "a blip")

    admin.before = blip
    wait = asyncio.create_task(outcome(trigger()))
    await eventually(lambda: admin.calls["ListExecutions"] > 4)
    server.stop()
    await asyncio.sleep(0.5)
    assert not wait.done()
    server.start()
    admin.executions["n"].closure.phase = Phase.SUCCEEDED

    (event,) = await asyncio.wait_for(wait, 30)

    assert event["phase"] == "SUCCEEDED"


async def test_the_error_reaches_the_event(admin):
    admin.add_execution("n")
    admin.fail("n", "USER:ValueError", "no such column")

    (event,) = await outcome(trigger())

    assert event == {"execution": "n", "phase": "FAILED", "reason": "USER:ValueError: no such column"}


@pytest.mark.usefixtures("admin")
async def test_an_execution_that_flyte_does_not_know_ends_the_wait_with_an_error():
    (event,) = await outcome(trigger())

    assert event["error"] == "LookupError: Flyte knows no execution 'n'"


async def test_a_refused_client_ends_the_wait_with_an_error(admin):
    admin.add_execution("n")
    admin.before = lambda _, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "who are you")

    (event,) = await outcome(trigger())

    assert "FlyteAuthenticationError" in event["error"]
    assert "refused client 'airflow-client'" in event["error"]
    assert SECRET not in event["error"]


async def test_a_missing_connection_ends_the_wait_with_an_error():
    (event,) = await outcome(trigger(flyte_conn_id="nowhere"))

    assert "there is no connection 'nowhere'" in event["error"]


async def test_at_the_deadline_the_execution_is_stopped_with_the_reason(admin):
    admin.add_execution("n")
    wait = trigger(deadline=time.time() + 0.3, deadline_reason="execution_timeout of 0:00:10 has passed")

    (event,) = await outcome(wait)

    assert event == {
        "execution": "n",
        "timed_out": "execution_timeout of 0:00:10 has passed",
        "is_stopped": True,
    }
    assert admin.cause_of("n") == ("Airflow: execution_timeout of 0:00:10 has passed (dag d, task t, run r, try 1)")


async def test_a_deadline_in_the_past_still_stops_the_execution(admin):
    admin.add_execution("n")

    (event,) = await outcome(trigger(deadline=time.time() - 60))

    assert event["is_stopped"]
    assert admin.executions["n"].closure.phase == Phase.ABORTED


async def test_another_s_execution_is_not_stopped_at_the_deadline_or_by_a_kill(admin):
    admin.add_execution("n")
    sensor = trigger(deadline=time.time() + 0.2, owner=None)

    (event,) = await outcome(sensor)
    await sensor.on_kill()

    assert "timed_out" in event
    assert admin.executions["n"].closure.phase == Phase.RUNNING


async def test_a_cancelled_wait_passes_airflow_s_message_on_and_stops_nothing(admin):
    admin.add_execution("n")
    wait = asyncio.create_task(outcome(trigger(deadline=time.time() + 60)))
    await eventually(lambda: admin.calls["ListExecutions"] > 0)

    wait.cancel(USER_ACTION)

    with pytest.raises(asyncio.CancelledError, match=USER_ACTION):
        await wait
    assert admin.calls["TerminateExecution"] == 0


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("failed", "the task was marked failed"),
        ("success", "the task was marked success"),
        ("skipped", "the DAG run ended before the task (dagrun_timeout, or skipped by hand)"),
        ("queued", "the task was cleared"),
        (None, "the task was cleared"),
    ],
)
async def test_a_kill_stops_the_execution_and_says_what_was_done_to_the_task(admin, monkeypatch, state, why):
    admin.add_execution("n")
    wait = trigger()
    monkeypatch.setattr(wait, "_read_state", lambda: state)

    await wait.on_kill()

    assert admin.cause_of("n") == f"Airflow: {why} (dag d, task t, run r, try 1)"


async def test_a_wait_that_only_moved_to_another_triggerer_stops_nothing(admin, monkeypatch):
    admin.add_execution("n")
    wait = trigger()
    monkeypatch.setattr(wait, "_read_state", lambda: "deferred")

    await wait.on_kill()

    assert admin.calls["TerminateExecution"] == 0


async def test_a_kill_stops_the_execution_even_if_the_task_s_state_cannot_be_read(admin, monkeypatch):
    admin.add_execution("n")

    def broken(**_):
        raise ConnectionError

    monkeypatch.setattr(trigger_module, "task_state", broken)
    wait = trigger()
    wait.task_instance = type("TI", (), dict.fromkeys(("dag_id", "task_id", "run_id", "map_index")))()

    await wait.on_kill()

    assert admin.executions["n"].closure.phase == Phase.ABORTED


def test_a_trigger_is_made_again_from_what_it_serializes_and_holds_no_secret():
    path, kwargs = trigger(deadline=1.5, deadline_reason="why").serialize()

    assert path == "tandem_flyte.triggers.flyte.FlyteTrigger"
    assert FlyteTrigger(**kwargs).serialize() == (path, kwargs)
    assert SECRET not in repr(kwargs)


async def test_a_new_secret_in_the_connection_is_taken_up_while_waiting(admin, monkeypatch):
    admin.add_execution("n")
    opened = []
    make = FlyteHook.__init__

    def counted(self, *args, **kwargs):
        opened.append(self)
        make(self, *args, **kwargs)

    monkeypatch.setattr(FlyteHook, "__init__", counted)

    def refuse_the_first_client(_method, context):
        if len(opened) == 1:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "that secret is no longer valid")
        admin.executions["n"].closure.phase = Phase.SUCCEEDED

    admin.before = refuse_the_first_client

    (event,) = await outcome(trigger())

    assert event["phase"] == "SUCCEEDED"

"""Ports, credentials and names of a sandbox."""

import socket
import stat
from pathlib import Path

import pytest

from components import naming
from sandbox import state
from sandbox.state import HOST, PREFERRED_PORTS


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the list of this machine's sandboxes out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_taken_port_is_moved_from_and_said(tmp_path: Path) -> None:
    fresh = state.load(tmp_path / "a")
    state.take_ports(fresh, set())
    with socket.socket() as other:
        other.bind((HOST, fresh.ports["s3"]))
        other.listen()
        had = fresh.ports["s3"]
        moved = state.take_ports(fresh, set())
    assert fresh.ports["s3"] > had
    assert moved == [f"port {had} is taken by another program: s3 moves to {fresh.ports['s3']}"]


def test_ports_survive_and_differ_from_each_other(tmp_path: Path) -> None:
    first = state.load(tmp_path / "a")
    state.take_ports(first, set())
    again = state.load(tmp_path / "a")
    assert again.ports == first.ports
    assert len(set(again.ports.values())) == len(PREFERRED_PORTS)


def test_held_ports_stay_though_they_are_taken(tmp_path: Path) -> None:
    running = state.load(tmp_path / "a")
    state.take_ports(running, set())
    with socket.socket() as own:
        own.bind((HOST, running.ports["mlflow"]))
        own.listen()
        assert state.take_ports(running, {"mlflow"}) == []


def test_two_supervised_sandboxes_share_no_port(tmp_path: Path) -> None:
    import fcntl

    one, two = state.load(tmp_path / "a"), state.load(tmp_path / "b")
    one.folder.mkdir()
    with (one.folder / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state.take_ports(one, set())
        state.take_ports(two, set())  # nothing listens on the ports of `one` yet
    assert not set(one.ports.values()) & set(two.ports.values())


def test_secrets_are_generated_per_sandbox_and_private(tmp_path: Path) -> None:
    one, two = state.load(tmp_path / "a"), state.load(tmp_path / "b")
    one.save()
    two.save()
    assert one.credentials.airflow_password != two.credentials.airflow_password
    assert stat.S_IMODE((one.folder / "sandbox.json").stat().st_mode) == 0o600
    assert state.load(one.folder).credentials == one.credentials


def test_bucket_names_keep_within_s3s_limit() -> None:
    assert naming.bucket_name("dev", "airflow-logs") == "tandem-dev-airflow-logs"
    with pytest.raises(ValueError, match="10 characters too long"):
        naming.bucket_name("x" * 53, "airflow-logs")

"""The POSIX sh launcher: from any folder, by any path, with a clear word where Python is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.state import root

LAUNCHER = root() / "tandem"


def launch(*words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a copy of what the launcher needs, at a path with spaces, sharing this clone's environment."""
    made = tmp_path / "a clone with spaces"
    for name in ("cli", "sandbox", "components", "requirements"):
        shutil.copytree(root() / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    (made / "provider").mkdir()
    shutil.copy(root() / "provider" / "pyproject.toml", made / "provider")
    shutil.copy(LAUNCHER, made)
    return made


def stamp(clone: Path) -> None:
    """Mark the shared environment as in step, as the bootstrap does."""
    (clone / ".venv" / "bin").mkdir(parents=True)
    python = clone / ".venv" / "bin" / "python"
    python.write_text(f"#!/bin/sh\nexec '{root()}/.venv/bin/python' \"$@\"\n")
    python.chmod(0o755)
    locks = [clone / "requirements" / "sandbox.lock", clone / "provider" / "pyproject.toml"]
    sum_of = subprocess.run(["cksum"], input=b"".join(p.read_bytes() for p in locks), capture_output=True)
    (clone / ".venv" / "tandem-sandbox.stamp").write_text(f"{clone} {sum_of.stdout.decode().strip()}\n")


def test_works_from_another_folder_and_by_a_path_with_spaces(clone: Path, tmp_path: Path) -> None:
    stamp(clone)
    shown = launch(str(clone / "tandem"), "status", "--json", cwd=tmp_path)
    assert shown.returncode == 3, shown.stderr
    assert '"running": false' in shown.stdout


def test_says_what_it_looked_for_where_there_is_no_python(clone: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cat", "cksum"):
        (tools / name).symlink_to(str(shutil.which(name)))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # a Python that is too old answers so
    old.chmod(0o755)
    failed = launch("sh", str(clone / "tandem"), "up", env={"PATH": str(tools)})
    assert failed.returncode == 69
    assert "python3.13 python3.12 python3.11 python3" in failed.stderr
    assert "TANDEM_PYTHON=" in failed.stderr


def test_a_broken_package_index_ends_in_a_sentence(clone: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text('#!/bin/sh\ncase "$1" in venv) exit 0;; esac\necho no route to host >&2\nexit 2\n')
    uv.chmod(0o755)
    failed = launch(str(clone / "tandem"), "up", env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    assert failed.returncode == 1
    assert "run it again" in failed.stderr
    assert not (clone / ".venv" / "tandem-sandbox.stamp").exists()


def test_help_names_every_command() -> None:
    shown = launch(str(LAUNCHER), "--help")
    for name in ("up", "down", "status", "logs", "run", "trace", "env", "reset", "test", "bench"):
        assert f" {name} " in shown.stdout

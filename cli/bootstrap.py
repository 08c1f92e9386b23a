"""Make the locked environment in .venv: run by the `tandem` launcher with any Python >= 3.11, standard library only."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PRIVATE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tandem"


def say(message: str) -> None:
    """Print one line of progress; stdout stays free for `--json`."""
    print(f"tandem: {message}", file=sys.stderr, flush=True)


def run(command: list[str], *, tries: int = 1) -> None:
    """Run a command, and again when it fails: a package index may answer the second time."""
    for left in reversed(range(tries)):
        code = subprocess.run(command, stdout=sys.stderr).returncode
        if code == 0:
            return
        if left:
            say(f"{Path(command[0]).name} ended with status {code}; trying again")
    say(f"`{' '.join(command)}` failed with status {code}.")
    say("The environment is not complete; with a network (or a package mirror that pip and uv know) run it again.")
    sys.exit(1)


def find_uv(root: Path) -> str:
    """Take uv from PATH, else install the pinned one into a private folder."""
    if found := shutil.which("uv"):
        return found
    lock = root / "requirements" / "uv.lock"
    folder = PRIVATE / "uv" / hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    uv = folder / "bin" / "uv"
    if not uv.exists():
        say(f"uv is not on PATH: installing it into {folder}")
        # --target needs no venv module, which some distributions split off.
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--root-user-action",
            "ignore",
        ]
        run([*pip, "--require-hashes", "--target", str(folder), "--upgrade", "-r", str(lock)], tries=2)
    return str(uv)


def sync(root: Path, group: str) -> None:
    """Bring .venv to what the group's lock names, with the kit's provider installed in place."""
    uv, venv = find_uv(root), root / ".venv"
    python = str(venv / "bin" / "python")
    if not os.access(python, os.X_OK):
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)])
    say(f"installing requirements/{group}.lock into {venv} (about 1.3 GB the first time)")
    pip = [uv, "pip", "install", "--python", python, "--no-config"]
    run([*pip, "--require-hashes", "-r", str(root / "requirements" / f"{group}.lock")], tries=3)
    run([*pip, "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(root / "provider")])


def main() -> None:
    """Sync under a lock, so that two first starts at once make one environment."""
    root, group, stamp = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    (root / ".tandem").mkdir(exist_ok=True)
    with (root / ".tandem" / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        written = root / ".venv" / f"tandem-{group}.stamp"
        if written.exists() and written.read_text() == stamp:
            return
        sync(root, group)
        written.write_text(stamp)
        if group == "dev":  # the larger environment serves the smaller one's commands too
            locks = [root / "requirements" / "sandbox.lock", root / "provider" / "pyproject.toml"]
            crc = subprocess.run(["cksum"], input=b"".join(p.read_bytes() for p in locks), capture_output=True)
            (root / ".venv" / "tandem-sandbox.stamp").write_text(f"{root} {crc.stdout.decode().strip()}")


if __name__ == "__main__":
    main()

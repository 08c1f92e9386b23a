"""What importing each DAG file costs beyond `import airflow`, each in a fresh process, the least of several."""

import json
import subprocess
import sys
import tempfile

from bench.result import Goal, Result
from bench.stand import Stand
from sandbox.state import root

TIMES, QUICK_TIMES = 5, 2
MOST_SECONDS = 1.0

# The part that every Airflow DAG needs, `from airflow.sdk import DAG`, is shown apart.
SCRIPT = """
import json, runpy, sys, time
import airflow
began = time.perf_counter()
if sys.argv[1]:
    runpy.run_path(sys.argv[1])
else:
    from airflow.sdk import DAG
print(json.dumps(time.perf_counter() - began))
"""


def measure(stand: Stand) -> Result:
    """Import every DAG file as Airflow does: its folder on the path, nothing of the stack at hand."""
    folder = root() / "dags"
    files = sorted(path for path in folder.glob("*.py") if "with DAG(" in path.read_text())
    times = QUICK_TIMES if stand.quick else TIMES
    with tempfile.TemporaryDirectory(prefix="tandem-bench-import-") as home:
        env = {
            **{name: value for name, value in stand.environment().items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": home,
            "PYTHONPATH": f"{folder}:{root()}",
        }
        _seconds("", env)  # writes airflow.cfg and the byte code
        seconds = {"": min(_seconds("", env) for _ in range(times))}
        for path in files:
            seconds[path.name] = min(_seconds(str(path), env) for _ in range(times))
            stand.say(f"{path.name}: {seconds[path.name]:.2f} s")
    sdk = seconds.pop("")
    slowest = max(seconds, key=lambda name: seconds[name])
    return Result(
        name="dag_import",
        values={"seconds": seconds, "airflow_sdk_alone_seconds": sdk},
        goals=(Goal(f"slowest DAG file over `import airflow` ({slowest})", seconds[slowest], MOST_SECONDS, "s"),),
    )


def _seconds(path: str, env: dict[str, str]) -> float:
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{path} can't be imported:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))

"""`./tandem env`."""

import shlex

from sandbox import control, state


def command() -> None:
    """Print exports for your own shell: `eval "$(./tandem env)"`, then airflow, pyflyte, mlflow, aws.

    They talk to this sandbox until the shell ends.
    """
    current = state.load()
    if not current.ports:
        raise control.SandboxError("the sandbox has never been started: run `./tandem up`")
    for name, value in control.exports(current).items():
        print(f"export {name}={shlex.quote(value)}")

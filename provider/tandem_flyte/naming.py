"""The names of the Flyte executions that a task instance makes, and what can be read back from them.

`<dag>-<task>-<family>-<try>-<max tries>-<instance>`: `family` is a hash of dag, task, run and map index, so
that every execution of one task instance can be found by it. Airflow raises a task instance's max_tries
when it is cleared and never when it is retried, so a name also tells a retry's predecessor from a cleared one.
"""

import hashlib
import json
import re
from dataclasses import dataclass

# Flyte refuses longer names; they are also the values of Kubernetes labels.
MAX_LENGTH = 63
_SLUG_LENGTH = 12
_PATTERN = re.compile(
    r"(?P<slug>[a-z][a-z0-9-]*)-(?P<family>[0-9a-f]{16})-(?P<attempt>\d+)-(?P<generation>\d+)-(?P<instance>[0-9a-f]{6})"
)


@dataclass(frozen=True, kw_only=True)
class ExecutionName:
    """One try of one task instance, as Flyte sees it."""

    slug: str
    family: str
    attempt: int
    generation: int
    instance: str

    def __str__(self) -> str:
        tail = f"-{self.family}-{self.attempt}-{self.generation}-{self.instance}"
        return self.slug[: MAX_LENGTH - len(tail)].rstrip("-") + tail

    @property
    def family_filter(self) -> str:
        """Flyte's filter that finds every execution of this task instance."""
        return f"contains(name,-{self.family}-)"

    def is_predecessor(self, other: "ExecutionName") -> bool:
        """Say whether `other` is an earlier try of the same task instance, cleared since or not."""
        return self.family == other.family and other.attempt < self.attempt


def execution_name(
    *,
    dag_id: str,
    task_id: str,
    run_id: str,
    map_index: int,
    try_number: int,
    max_tries: int,
    instance_id: str,
) -> ExecutionName:
    """Return the name of one try's execution: the same for the same try, another for any other."""
    key = json.dumps([dag_id, task_id, run_id, map_index])
    return ExecutionName(
        slug=f"{_slug(dag_id)}-{_slug(task_id)}",
        family=hashlib.sha256(key.encode()).hexdigest()[:16],
        attempt=try_number,
        generation=max_tries,
        # A run that was deleted and made again has the same keys and tries, but other instances.
        instance=hashlib.sha256(instance_id.encode()).hexdigest()[:6],
    )


def parse(name: str) -> ExecutionName | None:
    """Return the parts of a name that `execution_name` made; None for any other."""
    if not (found := _PATTERN.fullmatch(name)):
        return None
    return ExecutionName(
        slug=found["slug"],
        family=found["family"],
        attempt=int(found["attempt"]),
        generation=int(found["generation"]),
        instance=found["instance"],
    )


def _slug(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not plain[:1].isalpha():
        plain = f"x{plain}"
    return plain[:_SLUG_LENGTH].rstrip("-")

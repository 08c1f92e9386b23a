"""What a task node runs: the task's template with the node's overrides."""

from dataclasses import dataclass

from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.core.workflow_pb2 import Node

from sandbox.flyteadmin.engine.context import Run
from sandbox.flyteadmin.runner.resources import Request, request_of


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """A task as one node of one execution runs it."""

    template: TaskTemplate
    request: Request
    user_retries: int
    timeout_seconds: float
    cache_version: str
    overwrite_cache: bool

    @property
    def cached(self) -> bool:
        """Say whether outputs are looked for and kept."""
        return bool(self.cache_version)


def plan_task(run: Run, node: Node) -> TaskPlan:
    """Work out a node's task; `node` is the inner node of a map task."""
    template = TaskTemplate()
    template.CopyFrom(run.closure.task(node.task_node.reference_id))
    overrides, metadata = node.task_node.overrides, node.metadata
    if overrides.resources.requests or overrides.resources.limits:
        template.container.resources.CopyFrom(overrides.resources)
    if overrides.container_image:
        template.container.image = overrides.container_image
    timeout = metadata.timeout if metadata.timeout.ToNanoseconds() else template.metadata.timeout
    return TaskPlan(
        template=template,
        request=request_of(template.container.resources),
        user_retries=metadata.retries.retries or template.metadata.retries.retries,
        timeout_seconds=timeout.ToNanoseconds() / 1e9,
        cache_version=_cache_version(node, template),
        overwrite_cache=run.row.spec.overwrite_cache,
    )


def _cache_version(node: Node, template: TaskTemplate) -> str:
    metadata = node.metadata
    cacheable = template.metadata.discoverable
    if metadata.WhichOneof("cacheable_value"):
        cacheable = metadata.cacheable
    version = template.metadata.discovery_version
    if metadata.WhichOneof("cache_version_value"):
        version = metadata.cache_version
    return version if cacheable else ""

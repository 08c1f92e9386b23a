"""Creating executions: from a request to a stored, queued execution."""

import hashlib
import re
import secrets
import string

from flyteidl.admin.execution_pb2 import ExecutionCreateRequest, ExecutionMetadata, ExecutionSpec
from flyteidl.admin.launch_plan_pb2 import LaunchPlan
from flyteidl.admin.task_pb2 import Task
from flyteidl.core.identifier_pb2 import (
    Identifier,
    NodeExecutionIdentifier,
    ResourceType,
    WorkflowExecutionIdentifier,
)
from flyteidl.core.interface_pb2 import ParameterMap
from flyteidl.core.literals_pb2 import LiteralMap

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.errors import failed_precondition, invalid
from sandbox.flyteadmin.graph.inputs import complete_inputs, expected_inputs
from sandbox.flyteadmin.graph.single_task import generated_id
from sandbox.flyteadmin.registration import Registration
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import ExecutionRow, describe

MAX_NAME = 63
_NAME = re.compile(r"^[a-z][a-z\-0-9]*$")
_NAME_LENGTH = 20


def random_name() -> str:
    """Return a name for an execution whose caller gave none."""
    alphabet = string.ascii_lowercase + string.digits
    return "a" + "".join(secrets.choice(alphabet) for _ in range(_NAME_LENGTH - 1))


def child_name(parent: WorkflowExecutionIdentifier, node_id: str) -> str:
    """Return the name of the execution a launch-plan node starts: the same one after a restart."""
    place = f"{parent.project}/{parent.domain}/{parent.name}/{node_id}"
    return "f" + hashlib.sha256(place.encode()).hexdigest()[: _NAME_LENGTH - 1]


def _checked_name(name: str) -> str:
    if not name:
        return random_name()
    if len(name) > MAX_NAME:
        raise invalid(f"size of name exceeded length {MAX_NAME} : {name}")
    if not _NAME.match(name):
        raise invalid(f"invalid name format: {name}, does not match regex '{_NAME.pattern}'")
    return name


class Launcher:
    """Checks what a caller wants run, and stores it; the answer may leave once this returns."""

    def __init__(self, config: FlyteAdminConfig, store: Store, registration: Registration) -> None:
        self._config = config
        self._store = store
        self._registration = registration

    def create(
        self, request: ExecutionCreateRequest, metadata: ExecutionMetadata
    ) -> tuple[int, WorkflowExecutionIdentifier]:
        """Store a queued execution and return its key and identifier."""
        name = _checked_name(request.name)
        self._store.projects.require_active(request.project)
        if request.domain not in self._config.domains:
            raise invalid(f"domain [{request.domain}] is unrecognized by system")
        spec = ExecutionSpec()
        spec.CopyFrom(request.spec)
        spec.metadata.CopyFrom(metadata)
        given = request.inputs if request.inputs.literals else request.spec.inputs
        spec.ClearField("inputs")
        workflow, inputs = self._target(spec, given)
        identifier = WorkflowExecutionIdentifier(project=request.project, domain=request.domain, name=name)
        return self._store.executions.create(identifier, spec, workflow, inputs), identifier

    def _target(self, spec: ExecutionSpec, given: LiteralMap) -> tuple[Identifier, LiteralMap]:
        wanted = spec.launch_plan
        if wanted.resource_type == ResourceType.TASK:
            return self._task(wanted, given)
        if wanted.resource_type != ResourceType.LAUNCH_PLAN:
            kind = ResourceType.Name(wanted.resource_type)
            raise invalid(
                f"Invalid reference entity resource type [{kind}], only [LAUNCH_PLAN, TASK] allowed:"
                " a workflow is run by its launch plan"
            )
        plan: LaunchPlan = self._store.entities.get(wanted)
        inputs = complete_inputs(given, plan.spec.fixed_inputs, plan.closure.expected_inputs)
        _inherit(spec, plan)
        return plan.spec.workflow_id, inputs

    def _task(self, wanted: Identifier, given: LiteralMap) -> tuple[Identifier, LiteralMap]:
        task: Task = self._store.entities.get(wanted)
        template = task.closure.compiled_task.template
        expected = expected_inputs(template.interface.inputs, ParameterMap(), LiteralMap())
        inputs = complete_inputs(given, LiteralMap(), expected)
        self._registration.ensure_single_task_workflow(template)
        return generated_id(wanted, ResourceType.WORKFLOW), inputs

    def relaunch(
        self, source: ExecutionRow, name: str, principal: str, *, overwrite_cache: bool
    ) -> tuple[int, WorkflowExecutionIdentifier]:
        """Store a second execution of the same thing with the same inputs."""
        request = self._again(source, name)
        request.spec.overwrite_cache = overwrite_cache
        metadata = ExecutionMetadata(mode=ExecutionMetadata.RELAUNCH, principal=principal)
        metadata.reference_execution.CopyFrom(source.id)
        return self.create(request, metadata)

    def recover(
        self, source: ExecutionRow, name: str, principal: str, parent: NodeExecutionIdentifier | None = None
    ) -> tuple[int, WorkflowExecutionIdentifier]:
        """Store an execution that takes over the nodes of `source` that succeeded."""
        if not source.finished:
            raise failed_precondition(f"{describe(source.id)} is still running and can't be recovered")
        metadata = ExecutionMetadata(mode=ExecutionMetadata.RECOVERED, principal=principal)
        metadata.reference_execution.CopyFrom(source.id)
        if parent is not None:
            metadata.parent_node_execution.CopyFrom(parent)
        return self.create(self._again(source, name), metadata)

    def _again(self, source: ExecutionRow, name: str) -> ExecutionCreateRequest:
        request = ExecutionCreateRequest(
            project=source.id.project, domain=source.id.domain, name=name, spec=source.spec
        )
        fixed: set[str] = set()
        if source.spec.launch_plan.resource_type == ResourceType.LAUNCH_PLAN:
            plan: LaunchPlan = self._store.entities.get(source.spec.launch_plan)
            fixed = set(plan.spec.fixed_inputs.literals)
        for key, literal in source.inputs.literals.items():
            if key not in fixed:
                request.inputs.literals[key].CopyFrom(literal)
        return request


def _inherit(spec: ExecutionSpec, plan: LaunchPlan) -> None:
    """Fill in what the caller left to the launch plan."""
    for kind in ("labels", "annotations"):
        values = getattr(spec, kind).values
        for key, value in getattr(plan.spec, kind).values.items():
            if key not in values:
                values[key] = value
    if not spec.raw_output_data_config.output_location_prefix:
        spec.raw_output_data_config.CopyFrom(plan.spec.raw_output_data_config)
    spec.max_parallelism = spec.max_parallelism or plan.spec.max_parallelism
    spec.overwrite_cache = spec.overwrite_cache or plan.spec.overwrite_cache
    if not spec.HasField("interruptible") and plan.spec.HasField("interruptible"):
        spec.interruptible.CopyFrom(plan.spec.interruptible)
    stated = {each.key for each in spec.envs.values}
    spec.envs.values.extend(each for each in plan.spec.envs.values if each.key not in stated)

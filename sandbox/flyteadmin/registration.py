"""Registering tasks, workflows and launch plans: checked, compiled, and the same again is no harm."""

import hashlib

from flyteidl.admin.common_pb2 import NamedEntityIdentifier, NamedEntityMetadata, NamedEntityState
from flyteidl.admin.launch_plan_pb2 import LaunchPlan, LaunchPlanSpec, LaunchPlanState
from flyteidl.admin.task_pb2 import Task, TaskSpec
from flyteidl.admin.workflow_pb2 import Workflow, WorkflowSpec
from flyteidl.core.identifier_pb2 import Identifier, ResourceType
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.core.workflow_pb2 import LaunchPlanTemplate
from google.protobuf.message import Message

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.errors import already_exists, invalid, unimplemented
from sandbox.flyteadmin.graph.compiler import Registry, compile_workflow
from sandbox.flyteadmin.graph.inputs import expected_inputs
from sandbox.flyteadmin.graph.single_task import generated_id, single_task_workflow
from sandbox.flyteadmin.runner.resources import request_of
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.entities import NAMES


def _digest(message: Message) -> str:
    return hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()


class Registration:
    """Puts what clients register into the store."""

    def __init__(self, config: FlyteAdminConfig, store: Store) -> None:
        self._config = config
        self._store = store
        self._registry = Registry(task=self._task, launch_plan=self._launch_plan)

    def _task(self, identifier: Identifier) -> TaskTemplate:
        task: Task = self._store.entities.get(identifier)
        return task.closure.compiled_task.template

    def _launch_plan(self, identifier: Identifier) -> LaunchPlanTemplate:
        plan: LaunchPlan = self._store.entities.get(identifier)
        template = LaunchPlanTemplate(id=plan.id, fixed_inputs=plan.spec.fixed_inputs)
        for name, parameter in plan.closure.expected_inputs.parameters.items():
            template.interface.inputs.variables[name].CopyFrom(parameter.var)
        template.interface.outputs.CopyFrom(plan.closure.expected_outputs)
        return template

    def _check_place(self, identifier: Identifier, kind: int) -> None:
        missing = [each for each in ("project", "domain", "name", "version") if not getattr(identifier, each)]
        if missing:
            raise invalid(f"missing {', '.join(missing)}")
        if identifier.resource_type not in (kind, ResourceType.UNSPECIFIED):
            raise invalid(f"unexpected resource type {ResourceType.Name(identifier.resource_type)}")
        self._store.projects.require_active(identifier.project)
        if identifier.domain not in self._config.domains:
            raise invalid(f"domain [{identifier.domain}] is unrecognized by system")

    def _is_new(self, identifier: Identifier, digest: str) -> None:
        known = self._store.entities.digest_of(identifier)
        kind = NAMES[identifier.resource_type].replace("_", " ")
        if known == digest:
            raise already_exists(f"{kind} with identical structure already exists")
        if known is not None:
            raise invalid(
                f"{identifier.name} {kind} with different structure already exists."
                f" (Please register a new version of the {kind})"
            )

    def create_task(self, given: Identifier, spec: TaskSpec) -> None:
        """Register a task."""
        identifier = _typed(given, ResourceType.TASK)
        self._check_place(identifier, ResourceType.TASK)
        template = TaskTemplate()
        template.CopyFrom(spec.template)
        template.id.CopyFrom(identifier)
        _check_runnable(template)
        digest = _digest(template)
        self._is_new(identifier, digest)
        task = Task(id=identifier, short_description=spec.description.short_description)
        task.closure.compiled_task.template.CopyFrom(template)
        task.closure.created_at.CopyFrom(moments.timestamp(moments.now()))
        self._store.entities.create(identifier, digest, task)

    def create_workflow(self, given: Identifier, spec: WorkflowSpec) -> None:
        """Register a workflow whose tasks and launch plans are registered."""
        identifier = _typed(given, ResourceType.WORKFLOW)
        self._check_place(identifier, ResourceType.WORKFLOW)
        wanted = WorkflowSpec()
        wanted.CopyFrom(spec)
        wanted.template.id.CopyFrom(identifier)
        closure = compile_workflow(wanted, self._registry)
        digest = _digest(closure)
        self._is_new(identifier, digest)
        workflow = Workflow(id=identifier, short_description=spec.description.short_description)
        workflow.closure.compiled_workflow.CopyFrom(closure)
        workflow.closure.created_at.CopyFrom(moments.timestamp(moments.now()))
        self._store.entities.create(identifier, digest, workflow)

    def create_launch_plan(self, given: Identifier, spec: LaunchPlanSpec) -> None:
        """Register a launch plan, inactive."""
        identifier = _typed(given, ResourceType.LAUNCH_PLAN)
        self._check_place(identifier, ResourceType.LAUNCH_PLAN)
        workflow: Workflow = self._store.entities.get(_typed(spec.workflow_id, ResourceType.WORKFLOW))
        interface = workflow.closure.compiled_workflow.primary.template.interface
        expected = expected_inputs(interface.inputs, spec.default_inputs, spec.fixed_inputs)
        digest = _digest(spec)
        self._is_new(identifier, digest)
        plan = LaunchPlan(id=identifier, spec=spec)
        plan.closure.expected_inputs.CopyFrom(expected)
        plan.closure.expected_outputs.CopyFrom(interface.outputs)
        plan.closure.created_at.CopyFrom(moments.timestamp(moments.now()))
        plan.closure.updated_at.CopyFrom(plan.closure.created_at)
        self._store.entities.create(identifier, digest, plan)

    def update_launch_plan(self, given: Identifier, state: int) -> None:
        """Activate or deactivate a launch plan."""
        identifier = _typed(given, ResourceType.LAUNCH_PLAN)
        plan: LaunchPlan = self._store.entities.get(identifier)
        schedule = plan.spec.entity_metadata.schedule
        if state == LaunchPlanState.ACTIVE and schedule.WhichOneof("ScheduleExpression"):
            raise unimplemented("schedules of launch plans")
        self._store.entities.set_state(identifier, state)

    def ensure_single_task_workflow(self, task: TaskTemplate) -> None:
        """Register the workflow that runs one task, unless it is there; listings leave it out."""
        identifier = generated_id(task.id, ResourceType.WORKFLOW)
        if self._store.entities.digest_of(identifier) is not None:
            return
        with self._store.database.transaction():
            self.create_workflow(identifier, single_task_workflow(task))
            name = NamedEntityIdentifier(project=identifier.project, domain=identifier.domain, name=identifier.name)
            hidden = NamedEntityMetadata(state=NamedEntityState.SYSTEM_GENERATED)
            self._store.entities.set_name(ResourceType.WORKFLOW, name, hidden)


def _typed(identifier: Identifier, kind: ResourceType) -> Identifier:
    made = Identifier()
    made.CopyFrom(identifier)
    made.resource_type = made.resource_type or kind
    return made


def _check_runnable(template: TaskTemplate) -> None:
    """Refuse at registration what could never run here."""
    if template.metadata.is_eager:
        raise unimplemented("eager workflows (@eager)")
    if template.WhichOneof("target") == "k8s_pod":
        raise unimplemented("pod templates (tasks with a pod spec)")
    if template.WhichOneof("target") != "container":
        raise unimplemented(f"tasks of type [{template.type}], which have no container")
    try:
        request_of(template.container.resources)
    except ValueError as error:
        raise invalid(f"task [{template.id.name}]: {error}") from None

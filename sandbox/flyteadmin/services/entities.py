"""Tasks, workflows, launch plans and their names."""

from typing import Any

from flyteidl.admin import common_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core.identifier_pb2 import Identifier, ResourceType

from sandbox.flyteadmin.registration import Registration
from sandbox.flyteadmin.store import Store

_Page = tuple[list[Any], str]


class EntityService:
    """Part of AdminService: what is registered, and what goes for every kind of it."""

    def __init__(self, store: Store, registration: Registration) -> None:
        self._store = store
        self._registration = registration

    def _get(self, identifier: Identifier, kind: ResourceType) -> Any:
        identifier.resource_type = kind
        return self._store.entities.get(identifier)

    def _list(self, kind: int, request: common_pb2.ResourceListRequest) -> _Page:
        return self._store.entities.list_page(
            kind, request.id, request.filters, request.sort_by, request.limit, request.token
        )

    def _ids(
        self, kind: int, request: common_pb2.NamedEntityIdentifierListRequest
    ) -> common_pb2.NamedEntityIdentifierList:
        found, token = self._store.entities.list_names(
            kind,
            request.project,
            request.domain,
            request.filters,
            request.sort_by,
            request.limit,
            request.token,
        )
        return common_pb2.NamedEntityIdentifierList(entities=[each.id for each in found], token=token)

    def CreateTask(self, request: task_pb2.TaskCreateRequest, _caller: str) -> task_pb2.TaskCreateResponse:
        self._registration.create_task(request.id, request.spec)
        return task_pb2.TaskCreateResponse()

    def GetTask(self, request: common_pb2.ObjectGetRequest, _caller: str) -> task_pb2.Task:
        task: task_pb2.Task = self._get(request.id, ResourceType.TASK)
        return task

    def ListTasks(self, request: common_pb2.ResourceListRequest, _caller: str) -> task_pb2.TaskList:
        found, token = self._list(ResourceType.TASK, request)
        return task_pb2.TaskList(tasks=found, token=token)

    def ListTaskIds(
        self, request: common_pb2.NamedEntityIdentifierListRequest, _caller: str
    ) -> common_pb2.NamedEntityIdentifierList:
        return self._ids(ResourceType.TASK, request)

    def CreateWorkflow(
        self, request: workflow_pb2.WorkflowCreateRequest, _caller: str
    ) -> workflow_pb2.WorkflowCreateResponse:
        self._registration.create_workflow(request.id, request.spec)
        return workflow_pb2.WorkflowCreateResponse()

    def GetWorkflow(self, request: common_pb2.ObjectGetRequest, _caller: str) -> workflow_pb2.Workflow:
        workflow: workflow_pb2.Workflow = self._get(request.id, ResourceType.WORKFLOW)
        return workflow

    def ListWorkflows(self, request: common_pb2.ResourceListRequest, _caller: str) -> workflow_pb2.WorkflowList:
        found, token = self._list(ResourceType.WORKFLOW, request)
        return workflow_pb2.WorkflowList(workflows=found, token=token)

    def ListWorkflowIds(
        self, request: common_pb2.NamedEntityIdentifierListRequest, _caller: str
    ) -> common_pb2.NamedEntityIdentifierList:
        return self._ids(ResourceType.WORKFLOW, request)

    def CreateLaunchPlan(
        self, request: launch_plan_pb2.LaunchPlanCreateRequest, _caller: str
    ) -> launch_plan_pb2.LaunchPlanCreateResponse:
        self._registration.create_launch_plan(request.id, request.spec)
        return launch_plan_pb2.LaunchPlanCreateResponse()

    def GetLaunchPlan(self, request: common_pb2.ObjectGetRequest, _caller: str) -> launch_plan_pb2.LaunchPlan:
        plan: launch_plan_pb2.LaunchPlan = self._get(request.id, ResourceType.LAUNCH_PLAN)
        return plan

    def GetActiveLaunchPlan(
        self, request: launch_plan_pb2.ActiveLaunchPlanRequest, _caller: str
    ) -> launch_plan_pb2.LaunchPlan:
        return self._store.entities.active_launch_plan(request.id)

    def ListActiveLaunchPlans(
        self, request: launch_plan_pb2.ActiveLaunchPlanListRequest, _caller: str
    ) -> launch_plan_pb2.LaunchPlanList:
        scope = common_pb2.NamedEntityIdentifier(project=request.project, domain=request.domain)
        found, token = self._store.entities.list_page(
            ResourceType.LAUNCH_PLAN,
            scope,
            "",
            request.sort_by,
            request.limit,
            request.token,
            active_only=True,
        )
        return launch_plan_pb2.LaunchPlanList(launch_plans=found, token=token)

    def ListLaunchPlans(self, request: common_pb2.ResourceListRequest, _caller: str) -> launch_plan_pb2.LaunchPlanList:
        found, token = self._list(ResourceType.LAUNCH_PLAN, request)
        return launch_plan_pb2.LaunchPlanList(launch_plans=found, token=token)

    def ListLaunchPlanIds(
        self, request: common_pb2.NamedEntityIdentifierListRequest, _caller: str
    ) -> common_pb2.NamedEntityIdentifierList:
        return self._ids(ResourceType.LAUNCH_PLAN, request)

    def UpdateLaunchPlan(
        self, request: launch_plan_pb2.LaunchPlanUpdateRequest, _caller: str
    ) -> launch_plan_pb2.LaunchPlanUpdateResponse:
        self._registration.update_launch_plan(request.id, request.state)
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    def ListNamedEntities(self, request: common_pb2.NamedEntityListRequest, _caller: str) -> common_pb2.NamedEntityList:
        found, token = self._store.entities.list_names(
            request.resource_type,
            request.project,
            request.domain,
            request.filters,
            request.sort_by,
            request.limit,
            request.token,
        )
        return common_pb2.NamedEntityList(entities=found, token=token)

    def GetNamedEntity(self, request: common_pb2.NamedEntityGetRequest, _caller: str) -> common_pb2.NamedEntity:
        return self._store.entities.get_name(request.resource_type, request.id)

    def UpdateNamedEntity(
        self, request: common_pb2.NamedEntityUpdateRequest, _caller: str
    ) -> common_pb2.NamedEntityUpdateResponse:
        self._store.entities.get_name(request.resource_type, request.id)
        self._store.entities.set_name(request.resource_type, request.id, request.metadata)
        return common_pb2.NamedEntityUpdateResponse()

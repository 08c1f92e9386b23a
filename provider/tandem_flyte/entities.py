"""Finding the launch plan or task to run, and saying what is there instead when it is not."""

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tandem_flyte.client import AdminClient
from tandem_flyte.errors import FlyteCallError, FlyteConfigurationError

if TYPE_CHECKING:
    from flyteidl.core.identifier_pb2 import Identifier
    from flyteidl.core.types_pb2 import LiteralType

_LISTED = 1000
_SUGGESTED = 3
# What FlyteAdmin answers for a thing that is not there; a project or domain that is not is "invalid".
_ABSENT = frozenset({"NOT_FOUND", "INVALID_ARGUMENT"})


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A launch plan or task and the inputs it takes: type by name, and which of them must be given."""

    title: str
    identifier: "Identifier"
    inputs: dict[str, "LiteralType"]
    required: frozenset[str]
    fixed: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Kind:
    title: str
    resource: str
    get: str
    listing: str
    names: str
    rows: str


_LAUNCH_PLAN = _Kind(
    title="launch plan",
    resource="LAUNCH_PLAN",
    get="GetLaunchPlan",
    listing="ListLaunchPlans",
    names="ListLaunchPlanIds",
    rows="launch_plans",
)
_TASK = _Kind(title="task", resource="TASK", get="GetTask", listing="ListTasks", names="ListTaskIds", rows="tasks")


def find_launch_plan(client: AdminClient, name: str, version: str | None) -> Entity:
    """Return a launch plan, its latest version where none is given."""
    plan = _find(client, _LAUNCH_PLAN, name, version)
    fixed = frozenset(plan.spec.fixed_inputs.literals)
    parameters = {
        key: parameter for key, parameter in plan.closure.expected_inputs.parameters.items() if key not in fixed
    }
    return Entity(
        title=f"launch plan {name!r} (version {plan.id.version})",
        identifier=plan.id,
        inputs={key: parameter.var.type for key, parameter in parameters.items()},
        required=frozenset(key for key, parameter in parameters.items() if parameter.required),
        fixed=fixed,
    )


def find_task(client: AdminClient, name: str, version: str | None) -> Entity:
    """Return a task, its latest version where none is given."""
    task = _find(client, _TASK, name, version)
    variables = task.closure.compiled_task.template.interface.inputs.variables
    return Entity(
        title=f"task {name!r} (version {task.id.version})",
        identifier=task.id,
        inputs={key: variable.type for key, variable in variables.items()},
        required=frozenset(variables),
        fixed=frozenset(),
    )


def nearest(word: str, known: list[str]) -> str:
    """Return a clause that suggests the known words nearest to a wrong one."""
    close = difflib.get_close_matches(word, known, n=_SUGGESTED, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return "there is " + (", ".join(repr(name) for name in sorted(known)[:10]) if known else "none at all")


def _find(client: AdminClient, kind: _Kind, name: str, version: str | None) -> Any:
    try:
        if version:
            return _get(client, kind, name, version)
        if found := _newest(client, kind, name, limit=1):
            return found[0]
    except FlyteCallError as error:
        if error.code not in _ABSENT:
            raise
    raise FlyteConfigurationError(_explain_absence(client, kind, name, version))


def _get(client: AdminClient, kind: _Kind, name: str, version: str) -> Any:
    from flyteidl.admin.common_pb2 import ObjectGetRequest
    from flyteidl.core.identifier_pb2 import Identifier

    place = client.connection
    identifier = Identifier(
        resource_type=kind.resource, project=place.project, domain=place.domain, name=name, version=version
    )
    return client.call(kind.get, ObjectGetRequest(id=identifier))


def _newest(client: AdminClient, kind: _Kind, name: str, *, limit: int) -> list[Any]:
    from flyteidl.admin.common_pb2 import NamedEntityIdentifier, ResourceListRequest, Sort

    place = client.connection
    request = ResourceListRequest(
        id=NamedEntityIdentifier(project=place.project, domain=place.domain, name=name),
        limit=limit,
        sort_by=Sort(key="created_at", direction=Sort.DESCENDING),
    )
    return list(getattr(client.call(kind.listing, request), kind.rows))


def _explain_absence(client: AdminClient, kind: _Kind, name: str, version: str | None) -> str:
    from flyteidl.admin.common_pb2 import NamedEntityIdentifierListRequest

    place = client.connection
    where = f"project {place.project!r}, domain {place.domain!r} of Flyte at {place.endpoint}"
    if problem := _missing_place(client):
        return problem
    if version and (others := _newest(client, kind, name, limit=100)):
        hint = nearest(version, [other.id.version for other in others])
        return f"{kind.title} {name!r} has no version {version!r} in {where}: {hint}"
    request = NamedEntityIdentifierListRequest(project=place.project, domain=place.domain, limit=_LISTED)
    names = [entity.name for entity in client.call(kind.names, request).entities]
    return f"there is no {kind.title} {name!r} in {where}: {nearest(name, names)}"


def _missing_place(client: AdminClient) -> str | None:
    from flyteidl.admin.project_pb2 import ProjectListRequest

    place = client.connection
    projects = {
        project.id: [domain.id for domain in project.domains]
        for project in client.call("ListProjects", ProjectListRequest(limit=_LISTED)).projects
    }
    if place.project not in projects:
        hint = nearest(place.project, list(projects))
        return f"Flyte at {place.endpoint} has no project {place.project!r}: {hint}"
    if place.domain not in projects[place.project]:
        hint = nearest(place.domain, projects[place.project])
        return f"project {place.project!r} of Flyte at {place.endpoint} has no domain {place.domain!r}: {hint}"
    return None

"""Tasks, workflows and launch plans by identifier, and the names they go under."""

from typing import Any

from flyteidl.admin.common_pb2 import NamedEntity, NamedEntityIdentifier, NamedEntityMetadata, Sort
from flyteidl.admin.launch_plan_pb2 import LaunchPlan, LaunchPlanState
from flyteidl.admin.task_pb2 import Task
from flyteidl.admin.workflow_pb2 import Workflow
from flyteidl.core.identifier_pb2 import Identifier, ResourceType
from google.protobuf.message import Message
from sqlalchemy import ColumnElement, Select, and_, func, select

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.errors import not_found
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.filters import next_token, page
from sandbox.flyteadmin.store.tables import entities, named_entities

_MESSAGES: dict[int, Any] = {
    ResourceType.TASK: Task,
    ResourceType.WORKFLOW: Workflow,
    ResourceType.LAUNCH_PLAN: LaunchPlan,
}
NAMES = {ResourceType.TASK: "task", ResourceType.WORKFLOW: "workflow", ResourceType.LAUNCH_PLAN: "launch_plan"}
_COLUMNS = {c: entities.c[c] for c in ("project", "domain", "name", "version", "state", "created_at", "updated_at")}
_NAME_COLUMNS: dict[str, ColumnElement[Any]] = {
    "project": entities.c.project,
    "domain": entities.c.domain,
    "name": entities.c.name,
    "description": func.coalesce(named_entities.c.description, ""),
    "state": func.coalesce(named_entities.c.state, 0),
}


def _is(identifier: Identifier) -> ColumnElement[bool]:
    key = {"kind": identifier.resource_type}
    key |= {name: getattr(identifier, name) for name in ("project", "domain", "name", "version")}
    return and_(*(entities.c[name] == value for name, value in key.items()))


def describe(identifier: Identifier) -> str:
    """Return an identifier in words."""
    kind = NAMES.get(identifier.resource_type, "entity")
    where = f"{identifier.project}:{identifier.domain}:{identifier.name}:{identifier.version}"
    return f"{kind} [{where}]"


class EntityStore:
    """What is registered; entities are never changed, but for a launch plan's activation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, identifier: Identifier, digest: str, record: Message) -> None:
        """Add an entity that `digest_of` did not know."""
        moment = moments.now()
        with self._database.transaction() as connection:
            connection.execute(
                entities.insert().values(
                    kind=identifier.resource_type,
                    project=identifier.project,
                    domain=identifier.domain,
                    name=identifier.name,
                    version=identifier.version,
                    digest=digest,
                    created_at=moment,
                    updated_at=moment,
                    record=record.SerializeToString(),
                )
            )

    def digest_of(self, identifier: Identifier) -> str | None:
        """Return the digest of what is registered under an identifier, None if nothing is."""
        with self._database.transaction() as connection:
            digest: str | None = connection.execute(select(entities.c.digest).where(_is(identifier))).scalar()
        return digest

    def get(self, identifier: Identifier) -> Any:
        """Return the Task, Workflow or LaunchPlan."""
        with self._database.transaction() as connection:
            record = connection.execute(select(entities.c.record).where(_is(identifier))).scalar()
        if record is None:
            raise not_found(f"missing entity of type {describe(identifier)}")
        return _MESSAGES[identifier.resource_type].FromString(record)

    def list_page(
        self,
        kind: int,
        scope: NamedEntityIdentifier,
        filters: str,
        sort_by: Sort,
        limit: int,
        token: str,
        *,
        active_only: bool = False,
    ) -> tuple[list[Any], str]:
        """Return a page of entities, newest first unless told otherwise, and the next token."""
        query = select(entities.c.record).where(entities.c.kind == kind)
        query = _within(query, scope.project, scope.domain)
        if scope.name:
            query = query.where(entities.c.name == scope.name)
        if active_only:
            query = query.where(entities.c.state == LaunchPlanState.ACTIVE)
        query = page(
            query,
            columns=_columns(kind),
            entity=NAMES[kind],
            filters=filters,
            sort_by=sort_by,
            limit=limit,
            token=token,
        )
        with self._database.transaction() as connection:
            found = [_MESSAGES[kind].FromString(record) for record in connection.execute(query).scalars()]
        return found, next_token(len(found), limit, token)

    def active_launch_plan(self, name: NamedEntityIdentifier) -> LaunchPlan:
        """Return the version of a launch plan that is active."""
        plans, _ = self.list_page(ResourceType.LAUNCH_PLAN, name, "", Sort(), 1, "", active_only=True)
        if not plans:
            raise not_found(f"No active launch plan could be found: {name.project}:{name.domain}:{name.name}")
        plan: LaunchPlan = plans[0]
        return plan

    def set_state(self, identifier: Identifier, state: int) -> None:
        """Activate or deactivate a launch plan; activation takes it from the version that had it."""
        with self._database.transaction() as connection:
            if state == LaunchPlanState.ACTIVE:
                others = select(entities.c.record).where(
                    entities.c.kind == ResourceType.LAUNCH_PLAN,
                    entities.c.project == identifier.project,
                    entities.c.domain == identifier.domain,
                    entities.c.name == identifier.name,
                    entities.c.state == LaunchPlanState.ACTIVE,
                )
                for record in connection.execute(others).scalars().all():
                    self._set_state(LaunchPlan.FromString(record), LaunchPlanState.INACTIVE)
            self._set_state(self.get(identifier), state)

    def _set_state(self, plan: LaunchPlan, state: int) -> None:
        moment = moments.now()
        plan.closure.state = state
        plan.closure.updated_at.CopyFrom(moments.timestamp(moment))
        changed = entities.update().where(_is(plan.id))
        with self._database.transaction() as connection:
            connection.execute(changed.values(state=state, updated_at=moment, record=plan.SerializeToString()))

    def list_names(
        self, kind: int, project: str, domain: str, filters: str, sort_by: Sort, limit: int, token: str
    ) -> tuple[list[NamedEntity], str]:
        """Return a page of the names of one kind of entity; those made for single tasks only on request."""
        query = _with_metadata(kind).distinct()
        query = _within(query, project, domain)
        if "state" not in filters:
            query = query.where(_NAME_COLUMNS["state"] == 0)
        query = page(
            query,
            columns=_NAME_COLUMNS,
            entity="entities",
            filters=filters.replace("named_entity_metadata.", "entities."),
            sort_by=sort_by,
            limit=limit,
            token=token,
        )
        with self._database.transaction() as connection:
            found = [_named(kind, *row) for row in connection.execute(query)]
        return found, next_token(len(found), limit, token)

    def get_name(self, kind: int, name: NamedEntityIdentifier) -> NamedEntity:
        """Return a name with its description and state."""
        query = _within(_with_metadata(kind), name.project, name.domain).where(entities.c.name == name.name)
        with self._database.transaction() as connection:
            row = connection.execute(query.limit(1)).first()
        if row is None:
            raise not_found(f"missing entity of type {NAMES.get(kind, 'entity')} with name [{name.name}]")
        return _named(kind, *row)

    def set_name(self, kind: int, name: NamedEntityIdentifier, metadata: NamedEntityMetadata) -> None:
        """Set the description and state of a name."""
        key = {"kind": kind, "project": name.project, "domain": name.domain, "name": name.name}
        with self._database.transaction() as connection:
            connection.execute(named_entities.delete().filter_by(**key))
            values = {"description": metadata.description, "state": metadata.state}
            connection.execute(named_entities.insert().values(**key, **values))


def _columns(kind: int) -> dict[str, ColumnElement[Any]]:
    columns: dict[str, ColumnElement[Any]] = {**_COLUMNS}
    if kind == ResourceType.LAUNCH_PLAN:
        # A default launch plan has its workflow's name; Flyte joins the workflow for these.
        columns |= {"workflow.name": entities.c.name, "workflow.version": entities.c.version}
    return columns


def _within(query: Select[Any], project: str, domain: str) -> Select[Any]:
    if project:
        query = query.where(entities.c.project == project)
    if domain:
        query = query.where(entities.c.domain == domain)
    return query


def _with_metadata(kind: int) -> Select[Any]:
    same = (
        (named_entities.c.kind == entities.c.kind)
        & (named_entities.c.project == entities.c.project)
        & (named_entities.c.domain == entities.c.domain)
        & (named_entities.c.name == entities.c.name)
    )
    source = entities.outerjoin(named_entities, same)
    columns = [column.label(name) for name, column in _NAME_COLUMNS.items()]
    return select(*columns).select_from(source).where(entities.c.kind == kind)


def _named(kind: int, project: str, domain: str, name: str, description: str, state: int) -> NamedEntity:
    return NamedEntity(
        resource_type=kind,
        id=NamedEntityIdentifier(project=project, domain=domain, name=name),
        metadata=NamedEntityMetadata(description=description, state=state),
    )

"""The pages that need only the store."""

import asyncio
from typing import Any

from flyteidl.admin.common_pb2 import NamedEntityIdentifier, Sort
from flyteidl.admin.execution_pb2 import Execution
from flyteidl.core.identifier_pb2 import ResourceType
from flyteidl.core.literals_pb2 import LiteralMap
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.console import queries
from sandbox.flyteadmin.console.attempts import AttemptView, Log, attempts_of, log_place, read_log
from sandbox.flyteadmin.console.literals import values
from sandbox.flyteadmin.console.lookup import domain_of, execution_of, node_of
from sandbox.flyteadmin.console.rendering import page
from sandbox.flyteadmin.console.timeline import Axis, Span, span_of
from sandbox.flyteadmin.console.tree import NodeView, Tree
from sandbox.flyteadmin.engine.context import log_folder
from sandbox.flyteadmin.graph.arrays import element as element_inputs
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import TERMINAL, ExecutionRow, Phase

PHASES = [name for name, _ in Phase.items() if name != "UNDEFINED"]
PAGE_SIZE = 25
LATEST = 10
SHOWN_PLANS = 100
SHOWN_ELEMENTS = 8
LOG_EXCERPT_BYTES = 8 * 1024
# Seconds between two looks at something that still changes; 0 leaves a page as it is.
LIVE_RUNNING, LIVE_LIST = 2, 5


class Pages:
    """Handlers; each is a coroutine, so that it runs on the loop that owns the store."""

    def __init__(self, config: FlyteAdminConfig, store: Store) -> None:
        self._config = config
        self._store = store

    async def overview(self, _request: Request) -> Response:
        """Show projects with their counts, the latest executions and the active launch plans."""
        projects, _ = self._store.projects.list_page("", Sort(key="identifier"), 0, "")
        counts = queries.phase_counts(self._store)
        plans, _ = self._store.entities.list_page(
            ResourceType.LAUNCH_PLAN, NamedEntityIdentifier(), "", Sort(), SHOWN_PLANS, "", active_only=True
        )
        return page(
            "overview.html",
            title="Flyte",
            live=LIVE_LIST,
            domains=self._config.domains,
            projects=sorted(projects, key=lambda each: each.id),
            counts=counts,
            rows=[_listed(each) for each in queries.latest(self._store, LATEST)],
            plans=[(each, self._last_run(each)) for each in sorted(plans, key=lambda plan: plan.id.name)],
        )

    def _last_run(self, plan: Any) -> dict[str, Any] | None:
        where = {"project": plan.id.project, "domain": plan.id.domain, "launch_name": plan.id.name}
        found = queries.latest(self._store, 1, **where)
        return _listed(found[0]) if found else None

    async def executions(self, request: Request) -> Response:
        """Show a domain's executions, newest first."""
        project, domain = domain_of(request, self._config, self._store)
        phase, plan = request.query_params.get("phase", ""), request.query_params.get("launch_plan", "")
        if phase and phase not in PHASES:
            raise HTTPException(400, f"“{phase}” is no phase of an execution.")
        number = _page_number(request)
        wanted = {"project": project, "domain": domain, "phase": phase, "launch_name": plan}
        found, total = queries.page_of(self._store, PAGE_SIZE, (number - 1) * PAGE_SIZE, **wanted)
        return page(
            "executions.html",
            title=f"Executions · {project} / {domain}",
            live=LIVE_LIST if number == 1 else 0,
            project=project,
            domain=domain,
            phase=phase,
            plan=plan,
            phases=PHASES,
            plans=queries.launched(self._store, project, domain),
            rows=[_listed(each) for each in found],
            number=number,
            first=(number - 1) * PAGE_SIZE + 1,
            total=total,
            last_page=max(1, -(-total // PAGE_SIZE)),
        )

    async def execution(self, request: Request) -> Response:
        """Show an execution and its nodes."""
        row = execution_of(request, self._store)
        now = moments.now()
        span = span_of(row.closure, finished=row.finished)
        axis = Axis(span, now)
        tree = Tree(self._store, row).rows()
        return page(
            "execution.html",
            title=row.id.name,
            live=0 if row.finished else LIVE_RUNNING,
            row=row,
            phase=Phase.Name(row.closure.phase),
            span=span,
            now=now,
            airflow=_airflow(row),
            nodes=[(each, axis.bar(each.span)) for each in tree],
            shown_elements=SHOWN_ELEMENTS,
            inputs=values(row.inputs),
            outputs=values(row.outputs),
        )

    async def node(self, request: Request) -> Response:
        """Show a node: its values, attempts, logs and Deck."""
        row = execution_of(request, self._store)
        view = node_of(request, self._store, row)
        stored = self._store.nodes.find(row.key, view.id)
        inputs = stored.inputs if stored else None
        outputs = stored.outputs if stored else None
        attempts = [] if view.elements else attempts_of(self._store, row.key, view.id)
        return await self._node_page(row, view, attempts, inputs, outputs)

    async def element(self, request: Request) -> Response:
        """Show one element of a map task."""
        row = execution_of(request, self._store)
        view = node_of(request, self._store, row)
        index = request.path_params["index"]
        if not 0 <= index < len(view.elements):
            raise HTTPException(404, f"Node {view.id} has no element {index}.")
        stored = self._store.nodes.find(row.key, view.id)
        inputs = element_inputs(stored.inputs, index, view.bound_inputs) if stored and stored.inputs else None
        attempts = attempts_of(self._store, row.key, view.id, index)
        outputs = element_inputs(stored.outputs, index, ()) if stored and stored.outputs else None
        return await self._node_page(row, view, attempts, inputs, outputs, index)

    async def _node_page(
        self,
        row: ExecutionRow,
        view: NodeView,
        attempts: list[AttemptView],
        inputs: LiteralMap | None,
        outputs: LiteralMap | None,
        index: int | None = None,
    ) -> Response:
        phase = view.phase if index is None else view.elements[index].phase
        log = await self._last_log(row, view, attempts)
        return page(
            "node.html",
            title=view.id if index is None else f"{view.id} [{index}]",
            live=0 if view.finished or row.finished else LIVE_RUNNING,
            row=row,
            node=view,
            index=index,
            phase=phase,
            span=view.span if index is None else Span(),
            now=moments.now(),
            attempts=attempts,
            log=log,
            deck=next((each for each in reversed(attempts) if each.deck_uri), None),
            inputs=values(inputs),
            outputs=values(outputs),
        )

    async def _last_log(self, row: ExecutionRow, view: NodeView, attempts: list[AttemptView]) -> Log | None:
        if not attempts:
            return None
        place = log_place(row.id, view.id, attempts[-1].name)
        return await asyncio.to_thread(read_log, log_folder(self._config), place, LOG_EXCERPT_BYTES)


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 10**6):
        raise HTTPException(400, f"“{text}” is no page number.")
    return int(text)


def _listed(execution: Execution) -> dict[str, Any]:
    closure = execution.closure
    finished = closure.phase in TERMINAL
    span = span_of(closure, finished=finished)
    return {
        "id": execution.id,
        "phase": Phase.Name(closure.phase),
        "plan": execution.spec.launch_plan,
        "span": span,
        "duration": span.length(moments.now()),
        "labels": sorted(execution.spec.labels.values.items()),
    }


def _airflow(row: ExecutionRow) -> dict[str, str]:
    """Return what the execution's annotations and labels say of the Airflow task that launched it."""
    stated = {**row.spec.labels.values, **row.spec.annotations.values}
    return {key.partition("/")[2]: text for key, text in stated.items() if key.startswith("airflow/")}

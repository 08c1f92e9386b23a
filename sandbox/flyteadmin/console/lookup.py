"""From a request's path to what is stored; names are only ever looked up."""

from flyteidl.core.identifier_pb2 import WorkflowExecutionIdentifier
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.console.tree import NodeView, Tree
from sandbox.flyteadmin.errors import FlyteError
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import ExecutionRow


def domain_of(request: Request, config: FlyteAdminConfig, store: Store) -> tuple[str, str]:
    """Return the project and domain, or answer 404."""
    project, domain = request.path_params["project"], request.path_params["domain"]
    try:
        store.projects.get(project)
    except FlyteError:
        raise HTTPException(404, f"There is no project “{project}”.") from None
    if domain not in config.domains:
        raise HTTPException(404, f"There is no domain “{domain}”.")
    return project, domain


def execution_of(request: Request, store: Store) -> ExecutionRow:
    """Return the execution, or answer 404."""
    where = {part: request.path_params[part] for part in ("project", "domain", "name")}
    found = store.executions.find(WorkflowExecutionIdentifier(**where))
    if found is None:
        place = f"{where['project']} / {where['domain']}"
        raise HTTPException(404, f"There is no execution “{where['name']}” in {place}.")
    return found


def node_of(request: Request, store: Store, row: ExecutionRow) -> NodeView:
    """Return the node of an execution, or answer 404."""
    node_id = request.path_params["node_id"]
    found = Tree(store, row).find(node_id)
    if found is None:
        raise HTTPException(404, f"Execution {row.id.name} has no node “{node_id}”.")
    return found

"""What the nodes of one execution share."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flyteidl.admin.workflow_pb2 import Workflow
from flyteidl.core.identifier_pb2 import NodeExecutionIdentifier, WorkflowExecutionIdentifier

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.engine.launch import Launcher
from sandbox.flyteadmin.graph.closures import ClosureIndex
from sandbox.flyteadmin.runner.attempt import Runner
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store
from sandbox.flyteadmin.store.executions import ExecutionRow
from sandbox.flyteadmin.store.nodes import NodeRow

# As in FlytePropeller; raise it per launch plan or execution.
DEFAULT_MAX_PARALLELISM = 25


class Executions(Protocol):
    """What a node needs of the engine: to start other executions, wait for them and end them."""

    def begin(self, key: int) -> None:
        """Drive an execution that is stored."""

    async def wait(self, key: int) -> ExecutionRow:
        """Return an execution once it is over."""

    def terminate(self, identifier: WorkflowExecutionIdentifier, cause: str, principal: str) -> None:
        """Begin to end an execution."""


@dataclass(frozen=True)
class Platform:
    """The parts of the server that executions use."""

    config: FlyteAdminConfig
    store: Store
    storage: Storage
    runner: Runner
    launcher: Launcher
    executions: Executions


class Run:
    """One execution while it is driven."""

    def __init__(self, platform: Platform, row: ExecutionRow) -> None:
        workflow: Workflow = platform.store.entities.get(row.closure.workflow_id)
        self.platform = platform
        self.store = platform.store
        self.row = row
        self.key = row.key
        self.closure = ClosureIndex(workflow.closure.compiled_workflow)
        self.parallelism = asyncio.Semaphore(row.spec.max_parallelism or DEFAULT_MAX_PARALLELISM)
        self.reference = self._reference()

    def _reference(self) -> int | None:
        metadata = self.row.spec.metadata
        if metadata.mode != metadata.RECOVERED:
            return None
        found = self.store.executions.find(metadata.reference_execution)
        return None if found is None else found.key

    def node_execution_id(self, node_id: str) -> NodeExecutionIdentifier:
        """Return the identifier of a node in this execution."""
        return NodeExecutionIdentifier(node_id=node_id, execution_id=self.row.id)

    def recovered(self, node_id: str) -> NodeRow | None:
        """Return the same node of the execution that this one recovers."""
        return None if self.reference is None else self.store.nodes.find(self.reference, node_id)

    def metadata_uri(self, node_id: str) -> str:
        """Return where a node's inputs.pb and outputs.pb are."""
        who = self.row.id
        name = f"{who.project}-{who.domain}-{who.name}"
        return f"{self.platform.storage.root}/metadata/propeller/{name}/{node_id}/data"

    def raw_output_uri(self, unique: str) -> str:
        """Return where an attempt puts files and tables."""
        stated = self.row.spec.raw_output_data_config.output_location_prefix
        prefix = stated.rstrip("/") or f"{self.platform.storage.root}/data"
        return f"{prefix}/{self.row.id.name}-{unique}"

    def log_place(self, node_id: str, attempt: str) -> str:
        """Return the path of an attempt's log under the log folder, and after /logs/ of the web server."""
        who = self.row.id
        return f"{who.project}/{who.domain}/{who.name}/{node_id}/{attempt}"

    def log_file(self, node_id: str, attempt: str) -> Path:
        """Return the file an attempt writes to."""
        return log_folder(self.platform.config) / self.log_place(node_id, attempt)

    def log_url(self, node_id: str, attempt: str) -> str:
        """Return the page of an attempt's log."""
        return f"{self.platform.config.http_url}/logs/{self.log_place(node_id, attempt)}"


def log_folder(config: FlyteAdminConfig) -> Path:
    """Return the folder of all logs."""
    return config.state_dir / "logs"

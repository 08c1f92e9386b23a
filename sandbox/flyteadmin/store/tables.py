"""The tables: messages are kept whole as protobuf blobs, beside the columns that requests filter and sort by.

Times are nanoseconds since the epoch, durations nanoseconds, phases the names of flyteidl's enums.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy import PrimaryKeyConstraint as Key
from sqlalchemy import UniqueConstraint as Unique

metadata = MetaData()


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, default=default)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0)


projects = Table(
    "projects",
    metadata,
    Column("identifier", Text, primary_key=True),
    _text("name"),
    _text("description"),
    Column("state", Integer, nullable=False, default=0),
    _time("created_at"),
    Column("record", LargeBinary, nullable=False),
)

# Tasks, workflows and launch plans; `kind` is flyteidl's ResourceType. `record` is the admin message
# (Task, Workflow, LaunchPlan), `state` a launch plan's activation.
entities = Table(
    "entities",
    metadata,
    Column("kind", Integer, nullable=False),
    _text("project"),
    _text("domain"),
    _text("name"),
    _text("version"),
    _text("digest"),
    Column("state", Integer, nullable=False, default=0),
    _time("created_at"),
    _time("updated_at"),
    Column("record", LargeBinary, nullable=False),
    Key("kind", "project", "domain", "name", "version"),
    Index("entities_latest", "kind", "project", "domain", "name", "created_at"),
)

named_entities = Table(
    "named_entities",
    metadata,
    Column("kind", Integer, nullable=False),
    _text("project"),
    _text("domain"),
    _text("name"),
    _text("description"),
    Column("state", Integer, nullable=False, default=0),
    Key("kind", "project", "domain", "name"),
)

# `spec` and `closure` are admin messages without literals; `inputs` and `outputs` are LiteralMaps.
executions = Table(
    "executions",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("project"),
    _text("domain"),
    _text("name"),
    _text("phase"),
    Column("mode", Integer, nullable=False, default=0),
    Column("state", Integer, nullable=False, default=0),
    _text("user"),
    _text("launch_name"),
    _text("launch_version"),
    _text("workflow_name"),
    _text("workflow_version"),
    _text("task_name"),
    _text("error_kind"),
    _text("error_code"),
    _time("created_at"),
    _time("started_at"),
    _time("updated_at"),
    _time("duration"),
    Column("spec", LargeBinary, nullable=False),
    Column("closure", LargeBinary, nullable=False),
    Column("inputs", LargeBinary, nullable=False),
    Column("outputs", LargeBinary),
    Unique("project", "domain", "name"),
    Index("executions_created", "project", "domain", "created_at"),
    Index("executions_phase", "phase"),
)

# `record` is the admin NodeExecution.
node_executions = Table(
    "node_executions",
    metadata,
    Column("execution_id", Integer, ForeignKey("executions.id"), nullable=False),
    _text("node_id"),
    _text("parent_id"),
    _text("phase"),
    _text("error_kind"),
    _text("error_code"),
    _time("created_at"),
    _time("started_at"),
    _time("updated_at"),
    _time("duration"),
    Column("record", LargeBinary, nullable=False),
    Column("inputs", LargeBinary),
    Column("outputs", LargeBinary),
    Key("execution_id", "node_id"),
)

# `record` is the admin TaskExecution; inputs and outputs are those of its node.
task_executions = Table(
    "task_executions",
    metadata,
    Column("execution_id", Integer, ForeignKey("executions.id"), nullable=False),
    _text("node_id"),
    Column("retry_attempt", Integer, nullable=False),
    _text("task_name"),
    _text("task_version"),
    _text("phase"),
    _text("error_kind"),
    _text("error_code"),
    _time("created_at"),
    _time("started_at"),
    _time("updated_at"),
    _time("duration"),
    Column("record", LargeBinary, nullable=False),
    Key("execution_id", "node_id", "retry_attempt"),
)

# One process each: what is needed to adopt it after a restart, and how it ended. `subtask` is the index
# in a map task, -1 otherwise. `phase` is a TaskExecution phase; `error` a core ExecutionError.
attempts = Table(
    "attempts",
    metadata,
    Column("execution_id", Integer, ForeignKey("executions.id"), nullable=False),
    _text("node_id"),
    Column("subtask", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    _text("phase"),
    Column("pid", Integer, nullable=False, default=0),
    _text("deck_uri"),
    _time("created_at"),
    _time("started_at"),
    Column("outputs", LargeBinary),
    Column("error", LargeBinary),
    Column("recoverable", Integer, nullable=False, default=0),
    Column("timed_out", Integer, nullable=False, default=0),
    Key("execution_id", "node_id", "subtask", "attempt"),
)

# Results of cached tasks; `source` is the core TaskExecutionIdentifier that made them.
cache = Table(
    "cache",
    metadata,
    Column("key", Text, primary_key=True),
    _text("project"),
    _text("domain"),
    _text("task_name"),
    _text("cache_version"),
    _time("created_at"),
    Column("source", LargeBinary, nullable=False),
    Column("outputs", LargeBinary, nullable=False),
)

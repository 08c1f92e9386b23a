"""Looking a task's outputs up before it runs, and keeping them after."""

from dataclasses import dataclass, field

from flyteidl.core.catalog_pb2 import CatalogArtifactTag, CatalogCacheStatus, CatalogMetadata
from flyteidl.core.identifier_pb2 import Identifier, ResourceType, TaskExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap

from sandbox.flyteadmin.engine.plans import TaskPlan
from sandbox.flyteadmin.graph.caching import cache_key
from sandbox.flyteadmin.store import Store


@dataclass
class CachedTask:
    """One task with one set of inputs, as the cache sees it; `status` is what a client is told."""

    store: Store
    plan: TaskPlan
    inputs: LiteralMap
    status: CatalogCacheStatus = CatalogCacheStatus.CACHE_DISABLED
    metadata: CatalogMetadata | None = None
    _key: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.plan.cached:
            self._key = cache_key(self.plan.template, self.plan.cache_version, self.inputs)

    def look_up(self) -> LiteralMap | None:
        """Return outputs from an earlier run, unless the execution overwrites them."""
        if not self._key:
            return None
        if self.plan.overwrite_cache:
            self.status = CatalogCacheStatus.CACHE_SKIPPED
            return None
        found = self.store.cache.get(self._key)
        if found is None:
            self.status = CatalogCacheStatus.CACHE_MISS
            return None
        outputs, source = found
        self.status = CatalogCacheStatus.CACHE_HIT
        self.metadata = self._describe(source)
        return outputs

    def keep(self, outputs: LiteralMap, source: TaskExecutionIdentifier) -> None:
        """Store the outputs of a run."""
        if not self._key:
            return
        self.store.cache.put(self._key, self.plan.template.id, self.plan.cache_version, source, outputs)
        self.status = CatalogCacheStatus.CACHE_POPULATED
        self.metadata = self._describe(source)

    def _describe(self, source: TaskExecutionIdentifier) -> CatalogMetadata:
        task = self.plan.template.id
        dataset = Identifier(
            resource_type=ResourceType.DATASET,
            project=task.project,
            domain=task.domain,
            name=f"flyte_task-{task.name}",
            version=self.plan.cache_version,
        )
        tag = CatalogArtifactTag(artifact_id=self._key, name=f"flyte_cached-{self._key}")
        return CatalogMetadata(dataset_id=dataset, artifact_tag=tag, source_task_execution=source)

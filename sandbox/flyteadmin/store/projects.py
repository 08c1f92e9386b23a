"""Projects."""

from flyteidl.admin.common_pb2 import Sort
from flyteidl.admin.project_pb2 import Project
from sqlalchemy import select

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.errors import already_exists, invalid, not_found
from sandbox.flyteadmin.store.database import Database
from sandbox.flyteadmin.store.filters import next_token, page
from sandbox.flyteadmin.store.tables import projects

_COLUMNS = {name: projects.c[name] for name in ("identifier", "name", "description", "state", "created_at")}


class ProjectStore:
    """Projects by identifier; domains are the server's own and not stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, project: Project) -> None:
        """Add a project."""
        with self._database.transaction() as connection:
            known = select(projects.c.identifier).where(projects.c.identifier == project.id)
            if connection.execute(known).first():
                raise already_exists(f"project {project.id} already exists")
            connection.execute(
                projects.insert().values(identifier=project.id, created_at=moments.now(), **self._columns(project))
            )

    def ensure(self, identifiers: list[str]) -> None:
        """Add those that are missing."""
        with self._database.transaction() as connection:
            known = set(connection.execute(select(projects.c.identifier)).scalars())
            for identifier in identifiers:
                if identifier not in known:
                    self.create(Project(id=identifier, name=identifier))

    def update(self, project: Project) -> None:
        """Replace a project's record."""
        self.get(project.id)
        with self._database.transaction() as connection:
            changed = projects.update().where(projects.c.identifier == project.id)
            connection.execute(changed.values(**self._columns(project)))

    @staticmethod
    def _columns(project: Project) -> dict[str, object]:
        return {
            "name": project.name,
            "description": project.description,
            "state": project.state,
            "record": project.SerializeToString(),
        }

    def get(self, identifier: str) -> Project:
        """Return a project."""
        with self._database.transaction() as connection:
            query = select(projects.c.record).where(projects.c.identifier == identifier)
            record = connection.execute(query).scalar()
        if record is None:
            raise not_found(f"project [{identifier}] not found")
        return Project.FromString(record)

    def require_active(self, identifier: str) -> None:
        """Refuse unknown and archived projects."""
        if self.get(identifier).state != Project.ACTIVE:
            raise invalid(f"project [{identifier}] is not active")

    def list_page(self, filters: str, sort_by: Sort, limit: int, token: str) -> tuple[list[Project], str]:
        """Return a page of projects and the next token."""
        query = page(
            select(projects.c.record),
            columns=_COLUMNS,
            entity="project",
            filters=filters,
            sort_by=sort_by,
            limit=limit,
            token=token,
        )
        if not filters:
            query = query.where(projects.c.state == Project.ACTIVE)
        with self._database.transaction() as connection:
            found = [Project.FromString(record) for record in connection.execute(query).scalars()]
        return found, next_token(len(found), limit, token)

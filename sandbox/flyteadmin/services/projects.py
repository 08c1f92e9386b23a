"""Projects, domains and the server's version."""

from importlib.metadata import version

from flyteidl.admin import project_pb2, version_pb2

from sandbox.flyteadmin.config import FlyteAdminConfig
from sandbox.flyteadmin.errors import invalid
from sandbox.flyteadmin.store import Store


class ProjectService:
    """Part of AdminService."""

    def __init__(self, config: FlyteAdminConfig, store: Store) -> None:
        self._store = store
        self._domains = [project_pb2.Domain(id=each, name=each) for each in config.domains]

    def GetVersion(self, _request: object, _caller: str) -> version_pb2.GetVersionResponse:
        found = version_pb2.Version(Build="tandem-sandbox", Version=f"v{version('flyteidl')}")
        return version_pb2.GetVersionResponse(control_plane_version=found)

    def GetDomains(self, _request: object, _caller: str) -> project_pb2.GetDomainsResponse:
        return project_pb2.GetDomainsResponse(domains=self._domains)

    def RegisterProject(
        self, request: project_pb2.ProjectRegisterRequest, _caller: str
    ) -> project_pb2.ProjectRegisterResponse:
        if not request.project.id:
            raise invalid("missing project_id")
        self._store.projects.create(request.project)
        return project_pb2.ProjectRegisterResponse()

    def UpdateProject(self, request: project_pb2.Project, _caller: str) -> project_pb2.ProjectUpdateResponse:
        self._store.projects.update(request)
        return project_pb2.ProjectUpdateResponse()

    def GetProject(self, request: project_pb2.ProjectGetRequest, _caller: str) -> project_pb2.Project:
        return self._with_domains(self._store.projects.get(request.id))

    def ListProjects(self, request: project_pb2.ProjectListRequest, _caller: str) -> project_pb2.Projects:
        found, token = self._store.projects.list_page(request.filters, request.sort_by, request.limit, request.token)
        return project_pb2.Projects(projects=map(self._with_domains, found), token=token)

    def _with_domains(self, project: project_pb2.Project) -> project_pb2.Project:
        del project.domains[:]
        project.domains.extend(self._domains)
        return project

"""What an Airflow connection of type `flyte` says, checked before anything is called."""

from dataclasses import dataclass, field
from typing import Any

from tandem_flyte.errors import FlyteConfigurationError

# The names that flytekit's AuthType takes, in lower case, by what they come to.
_AUTH_MODES = {
    "client_credentials": "client_credentials",
    "clientsecret": "client_credentials",
    "basic": "client_credentials",
    "external_process": "command",
    "externalcommand": "command",
}
_BROWSER_MODES = {"standard", "pkce", "deviceflow"}


@dataclass(frozen=True, kw_only=True)
class FlyteConnection:
    """FlyteAdmin's address, how to sign in to it, and the project and domain to work in."""

    conn_id: str
    endpoint: str
    project: str
    domain: str
    console: str
    is_insecure: bool = False
    skips_verification: bool = False
    ca_file: str | None = None
    auth: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    command: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audience: str | None = None
    storage: dict[str, Any] = field(default_factory=dict, repr=False)

    def console_url(self, name: str) -> str:
        """Return the address of an execution's page in Flyte's console."""
        return f"{self.console}/console/projects/{self.project}/domains/{self.domain}/executions/{name}"


def read_connection(connection: Any, *, project: str | None = None, domain: str | None = None) -> FlyteConnection:
    """Return the settings of an Airflow connection; raise FlyteConfigurationError with all that is wrong.

    A task's own `project` and `domain` come before the connection's.
    """
    extra = _extra(connection)
    project = project or extra.get("project")
    domain = domain or extra.get("domain")
    auth, problems = _auth(connection, extra)
    if not connection.host:
        problems.append("field `host` is empty: give FlyteAdmin's host name")
    for key, value in (("project", project), ("domain", domain)):
        if not value:
            problems.append(f"field `extra.{key}` is empty and the task names no {key}: give one of them")
    if problems:
        raise FlyteConfigurationError(f"connection {connection.conn_id!r}: " + "; ".join(problems))
    is_insecure = _flag(extra.get("insecure", False))
    endpoint = f"{connection.host}:{connection.port or (80 if is_insecure else 443)}"
    return FlyteConnection(
        conn_id=connection.conn_id,
        endpoint=endpoint,
        project=str(project),
        domain=str(domain),
        console=_console(extra.get("console_endpoint"), endpoint, is_insecure=is_insecure),
        is_insecure=is_insecure,
        skips_verification=_flag(extra.get("insecure_skip_verify", False)),
        ca_file=extra.get("ca_cert_file_path"),
        auth=auth,
        client_id=connection.login,
        client_secret=connection.password,
        command=tuple(extra.get("command") or ()),
        scopes=tuple(extra.get("scopes") or ()),
        audience=extra.get("audience"),
        storage={key: value for key, value in extra.items() if key.startswith("s3_")},
    )


def _extra(connection: Any) -> dict[str, Any]:
    try:
        extra = connection.extra_dejson
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise FlyteConfigurationError(
            f"connection {connection.conn_id!r}: field `extra` is not a JSON object: write one, "
            'such as {"project": "flytesnacks", "domain": "development"}'
        )
    return extra


def _auth(connection: Any, extra: dict[str, Any]) -> tuple[str | None, list[str]]:
    given = extra.get("auth_mode")
    has_client = bool(connection.login or connection.password)
    default = "client_credentials" if has_client else None
    mode = default if given is None else _AUTH_MODES.get(str(given).lower())
    problems = []
    if given is not None and mode is None:
        known = "client_credentials (login and password) or external_process (extra.command)"
        why = "needs a browser" if str(given).lower() in _BROWSER_MODES else "is not a way to sign in"
        problems.append(f"field `extra.auth_mode` is {given!r}, which {why}: use {known}")
    if mode == "client_credentials":
        for key, value, meaning in (
            ("login", connection.login, "the client's id"),
            ("password", connection.password, "the client's secret"),
        ):
            if not value:
                problems.append(f"field `{key}` is empty: give {meaning}")
    if mode == "command" and not extra.get("command"):
        problems.append("field `extra.command` is empty: give the command that prints a token, as a list")
    return mode, problems


def _flag(value: Any) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on"} if isinstance(value, str) else bool(value)


def _console(given: str | None, endpoint: str, *, is_insecure: bool) -> str:
    base = given or f"{'http' if is_insecure else 'https'}://{endpoint}"
    return base.rstrip("/").removesuffix("/console")

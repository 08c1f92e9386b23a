"""DataProxyService: signed URLs and the contents behind flyte:// URLs."""

import base64
import re
import secrets
import time

from flyteidl.core.identifier_pb2 import NodeExecutionIdentifier, WorkflowExecutionIdentifier
from flyteidl.core.literals_pb2 import LiteralMap
from flyteidl.service import dataproxy_pb2
from google.protobuf.duration_pb2 import Duration

from sandbox.flyteadmin import moments
from sandbox.flyteadmin.errors import already_exists, invalid, not_found
from sandbox.flyteadmin.services.nodes import NodeService
from sandbox.flyteadmin.storage import Storage
from sandbox.flyteadmin.store import Store

LONGEST_SECONDS = 3600
_RANDOM_NAME_BYTES = 10
_FLYTE_URL = re.compile(
    r"^flyte://v1/(?P<project>[^/]+)/(?P<domain>[^/]+)/(?P<name>[^/]+)/(?P<node>[^/]+)"
    r"(/(?P<attempt>\d+))?/(?P<what>[iod])(/(?P<variable>[^/]+))?$"
)


def _seconds(wanted: Duration, *, stated: bool) -> int:
    seconds = wanted.seconds if stated else LONGEST_SECONDS
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise invalid(f"expiresIn [{seconds}s] cannot exceed max allowed expiration [{LONGEST_SECONDS}s]")
    return seconds


class DataProxy:
    """The service."""

    def __init__(self, store: Store, storage: Storage) -> None:
        self._nodes = NodeService(store)
        self._projects = store.projects
        self._storage = storage

    async def CreateUploadLocation(
        self, request: dataproxy_pb2.CreateUploadLocationRequest, _caller: str
    ) -> dataproxy_pb2.CreateUploadLocationResponse:
        if not request.project or not request.domain:
            raise invalid("project and domain are required parameters")
        if not request.content_md5 and not request.filename_root:
            raise invalid("content_md5 or filename_root is a required parameter")
        self._projects.require_active(request.project)
        md5 = base64.b64encode(request.content_md5).decode()
        root = request.filename_root or base64.b32encode(request.content_md5).decode()
        filename = request.filename or secrets.token_hex(_RANDOM_NAME_BYTES)
        uri = "/".join([self._storage.root, request.project, request.domain, root, filename])
        if request.filename and request.filename_root:
            await self._check_overwrite(uri, request.content_md5)
        seconds = _seconds(request.expires_in, stated=request.HasField("expires_in"))
        with_metadata = request.add_content_md5_metadata
        headers = {"Content-MD5": md5} if md5 else {}
        if md5 and with_metadata:
            headers["x-amz-meta-flytecontentmd5"] = md5
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=self._storage.signed_put(uri, seconds, md5, md5_metadata=with_metadata),
            native_url=uri,
            expires_at=moments.timestamp(time.time_ns() + seconds * 10**9),
            headers=headers,
        )

    async def _check_overwrite(self, uri: str, md5: bytes) -> None:
        """A name the caller chose may be written again only with the same content."""
        found = await self._storage.head(uri)
        if found is None:
            return
        known = found["Metadata"].get("flytecontentmd5") or found["ETag"].strip('"')
        if not md5 or known not in (base64.b64encode(md5).decode(), md5.hex()):
            raise already_exists(
                f"file already exists at location [{uri}], specify a matching hash if you wish to rewrite"
            )

    def CreateDownloadLocation(
        self, request: dataproxy_pb2.CreateDownloadLocationRequest, _caller: str
    ) -> dataproxy_pb2.CreateDownloadLocationResponse:
        seconds = _seconds(request.expires_in, stated=request.HasField("expires_in"))
        return dataproxy_pb2.CreateDownloadLocationResponse(
            signed_url=self._storage.signed_get(request.native_url, seconds),
            expires_at=moments.timestamp(time.time_ns() + seconds * 10**9),
        )

    def CreateDownloadLink(
        self, request: dataproxy_pb2.CreateDownloadLinkRequest, _caller: str
    ) -> dataproxy_pb2.CreateDownloadLinkResponse:
        if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
            raise invalid(f"invalid artifact type [{request.artifact_type}]")
        seconds = _seconds(request.expires_in, stated=request.HasField("expires_in"))
        signed = self._deck(request.node_execution_id, seconds)
        return dataproxy_pb2.CreateDownloadLinkResponse(
            signed_url=signed.signed_url, expires_at=signed.expires_at, pre_signed_urls=signed
        )

    def _deck(self, node: NodeExecutionIdentifier, seconds: int) -> dataproxy_pb2.PreSignedURLs:
        uri = self._nodes.node(node).record.closure.deck_uri
        if not uri:
            raise not_found(f"no deckUrl found for node [{node.node_id}]")
        expires_at = moments.timestamp(time.time_ns() + seconds * 10**9)
        return dataproxy_pb2.PreSignedURLs(signed_url=[self._storage.signed_get(uri, seconds)], expires_at=expires_at)

    def GetData(self, request: dataproxy_pb2.GetDataRequest, _caller: str) -> dataproxy_pb2.GetDataResponse:
        match = _FLYTE_URL.match(request.flyte_url)
        if match is None:
            raise invalid(f"failed to parse flyte url [{request.flyte_url}]")
        node = NodeExecutionIdentifier(
            node_id=match["node"],
            execution_id=WorkflowExecutionIdentifier(
                project=match["project"], domain=match["domain"], name=match["name"]
            ),
        )
        if match["what"] == "d":
            return dataproxy_pb2.GetDataResponse(pre_signed_urls=self._deck(node, LONGEST_SECONDS))
        row = self._nodes.node(node)
        literals = (row.inputs if match["what"] == "i" else row.outputs) or LiteralMap()
        variable = match["variable"]
        if variable is None:
            return dataproxy_pb2.GetDataResponse(literal_map=literals)
        if variable not in literals.literals:
            raise not_found(f"node [{node.node_id}] has no [{variable}]")
        return dataproxy_pb2.GetDataResponse(literal=literals.literals[variable])

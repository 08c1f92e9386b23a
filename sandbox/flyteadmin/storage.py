"""S3 for an event loop: calls run in threads, and an S3 that is away is waited for."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError

from sandbox.flyteadmin.config import FlyteAdminConfig

log = logging.getLogger(__name__)
T = TypeVar("T")
LONGEST_PAUSE_SECONDS = 2.0
_AWAY = (ConnectionError, HTTPClientError, IncompleteReadError)


def split(uri: str) -> tuple[str, str]:
    """Return the bucket and key of an s3:// URI."""
    parts = urlparse(uri)
    return parts.netloc, parts.path.lstrip("/")


def _is_away(error: Exception) -> bool:
    if isinstance(error, ClientError):
        if error.response["Error"].get("Code") == "NoSuchBucket":  # the bucket is made before the first execution
            return True
        return int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0)) >= 500
    return isinstance(error, _AWAY)


class Storage:
    """Objects by URI."""

    def __init__(self, config: FlyteAdminConfig) -> None:
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=config.s3_endpoint,
            aws_access_key_id=config.s3_access_key_id,
            aws_secret_access_key=config.s3_secret_access_key,
            region_name="us-east-1",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=5,
                read_timeout=60,
                retries={"total_max_attempts": 1},
                # The checksums newer SDKs add by default would become part of a presigned URL.
                request_checksum_calculation="when_required",
            ),
        )
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="s3")
        self.root = f"s3://{config.bucket}"

    async def _call(self, function: Callable[[], T]) -> T:
        pause = 0.1
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, function)
            except (ClientError, *_AWAY) as error:
                if not _is_away(error):
                    raise
                log.warning("S3 is away, trying again in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def put(self, uri: str, body: bytes) -> None:
        """Write an object."""
        bucket, key = split(uri)
        await self._call(partial(self._client.put_object, Bucket=bucket, Key=key, Body=body))

    async def get(self, uri: str) -> bytes:
        """Read an object."""
        bucket, key = split(uri)

        def read() -> bytes:
            body: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return body

        return await self._call(read)

    async def names(self, prefix: str) -> set[str]:
        """Return the names of the objects directly under a prefix, up to a thousand."""
        bucket, key = split(prefix.rstrip("/") + "/")
        found = await self._call(partial(self._client.list_objects_v2, Bucket=bucket, Prefix=key, Delimiter="/"))
        return {each["Key"].removeprefix(key) for each in found.get("Contents", [])}

    async def head(self, uri: str) -> dict[str, Any] | None:
        """Return an object's metadata, None if there is no such object."""
        bucket, key = split(uri)
        try:
            found: dict[str, Any] = await self._call(partial(self._client.head_object, Bucket=bucket, Key=key))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise
        return found

    def signed_put(self, uri: str, seconds: int, md5: str, *, md5_metadata: bool) -> str:
        """Return a URL that takes exactly one body where `md5`, in base64, is not empty."""
        bucket, key = split(uri)
        parameters: dict[str, Any] = {"Bucket": bucket, "Key": key}
        if md5:
            parameters["ContentMD5"] = md5
            if md5_metadata:
                parameters["Metadata"] = {"flytecontentmd5": md5}
        url: str = self._client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=seconds)
        return url

    def signed_get(self, uri: str, seconds: int) -> str:
        """Return a URL that reads an object."""
        bucket, key = split(uri)
        parameters = {"Bucket": bucket, "Key": key}
        url: str = self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)
        return url

    def close(self) -> None:
        """Let go of the threads; calls that wait for S3 are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

"""The durable S3: what was acknowledged is there after kill -9."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from sandbox.state import HOST, load, root, take_ports

PART = 6 * 2**20


class Server:
    """One S3 process that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        state = load(folder)
        take_ports(state, set())
        self.url = state.url("s3")
        port = str(state.ports["s3"])
        journal = str(folder / "objects.db")
        self._command = [sys.executable, "-m", "sandbox.s3", "--port", port, "--journal", journal, "--bucket", "one"]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, cwd=root(), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.url}/moto-api/").raise_for_status()
                return
            except httpx.HTTPError:
                assert time.monotonic() < deadline, "S3 did not start within 30 s"
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    @property
    def client(self) -> Any:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.url, **keys)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("s3"))
    yield running
    running.kill()


def test_objects_survive_a_kill(server: Server) -> None:
    body, name = bytes(range(256)) * (2 * PART // 256), "a b/ü+%.bin"
    server.client.put_object(Bucket="one", Key=name, Body=b"hi", Metadata={"x": "y"}, ContentType="text/plain")
    before = server.client.head_object(Bucket="one", Key=name)
    upload = server.client.create_multipart_upload(Bucket="one", Key="big")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(body), PART), 1):
        part = {"Bucket": "one", "Key": "big", "UploadId": upload, "PartNumber": number}
        etag = server.client.upload_part(**part, Body=body[start : start + PART])["ETag"]
        parts.append({"ETag": etag, "PartNumber": number})
    done = {"Bucket": "one", "Key": "big", "UploadId": upload}
    server.client.complete_multipart_upload(**done, MultipartUpload={"Parts": parts})
    server.client.copy_object(Bucket="one", Key="copy", CopySource={"Bucket": "one", "Key": name})

    server.restart()

    after = server.client.get_object(Bucket="one", Key=name)
    assert after["Body"].read() == b"hi"
    assert (after["Metadata"], after["ContentType"]) == ({"x": "y"}, "text/plain")
    assert after["ETag"] == before["ETag"]
    assert after["LastModified"] == before["LastModified"]
    assert server.client.get_object(Bucket="one", Key="big")["Body"].read() == body
    assert server.client.get_object(Bucket="one", Key="copy")["Body"].read() == b"hi"


def test_what_was_deleted_stays_deleted(server: Server) -> None:
    for name in ("d1", "d2", "d3", "kept"):
        server.client.put_object(Bucket="one", Key=name, Body=b"")
    server.client.delete_object(Bucket="one", Key="d1")
    server.client.delete_objects(Bucket="one", Delete={"Objects": [{"Key": "d2"}, {"Key": "d3"}]})
    server.client.create_bucket(Bucket="two")
    server.client.create_bucket(Bucket="gone")
    server.client.delete_bucket(Bucket="gone")

    server.restart()

    for name in ("d1", "d2", "d3"):
        with pytest.raises(ClientError, match="404"):
            server.client.head_object(Bucket="one", Key=name)
    server.client.head_object(Bucket="one", Key="kept")
    names = {bucket["Name"] for bucket in server.client.list_buckets()["Buckets"]}
    assert {"one", "two"} <= names
    assert "gone" not in names


def test_listens_on_loopback_only(server: Server) -> None:
    import psutil

    listening = [c for c in psutil.Process(server.process.pid).net_connections() if c.status == "LISTEN"]
    assert {connection.laddr.ip for connection in listening} == {HOST}

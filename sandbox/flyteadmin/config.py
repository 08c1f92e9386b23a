"""What one embedded FlyteAdmin needs to know; it holds secrets, so its file belongs to mode 0600."""

import os
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field, field_validator

MIB = 2**20


class Capacity(BaseModel):
    """What tasks may hold at one time; a task waits in QUEUED until its requests fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: float = Field(default_factory=lambda: float(os.cpu_count() or 1), gt=0)
    memory_mib: int = Field(default_factory=lambda: psutil.virtual_memory().total // MIB, gt=0)
    gpus: int = Field(default=0, ge=0)


class FlyteAdminConfig(BaseModel):
    """Ports, state, credentials and capacity of one server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grpc_port: int
    http_port: int
    state_dir: Path
    projects: list[str] = ["tandem"]
    domains: list[str] = ["development", "staging", "production"]
    client_id: str
    client_secret: str = Field(min_length=16, repr=False)
    s3_endpoint: str
    s3_access_key_id: str = Field(repr=False)
    s3_secret_access_key: str = Field(repr=False)
    bucket: str = "tandem-sandbox-flyte"
    task_env: dict[str, str] = Field(default={}, repr=False)
    python_bin_dir: Path
    capacity: Capacity = Field(default_factory=Capacity)
    terminate_grace_seconds: float = Field(default=5.0, ge=0)

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("state_dir must be an absolute path: task processes run in other folders")
        return value

    @property
    def http_url(self) -> str:
        """Where the web pages, logs and the token endpoint are."""
        return f"http://127.0.0.1:{self.http_port}"

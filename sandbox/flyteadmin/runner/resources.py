"""What a task asks for, read from Kubernetes quantities."""

from dataclasses import dataclass

from flyteidl.core.tasks_pb2 import Resources

from sandbox.flyteadmin.config import MIB

DEFAULT_CPU = 1.0
_SUFFIXES = {
    "": 1.0, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Request:
    """Resources that a process holds while it runs."""

    cpu: float = DEFAULT_CPU
    memory_mib: float = 0.0
    gpus: int = 0


def quantity(text: str) -> float:
    """Return a Kubernetes quantity such as 500m or 2Gi as a number."""
    digits = text.rstrip("kKMGTPim")
    suffix = text[len(digits) :]
    if suffix not in _SUFFIXES:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    return float(digits) * _SUFFIXES[suffix]


def request_of(resources: Resources) -> Request:
    """Return what a container requests; a limit without a request counts as one, as in Kubernetes."""
    stated = {each.name: each.value for each in [*resources.limits, *resources.requests] if each.value}
    names = Resources.ResourceName
    return Request(
        cpu=quantity(stated[names.CPU]) if names.CPU in stated else DEFAULT_CPU,
        memory_mib=quantity(stated.get(names.MEMORY, "0")) / MIB,
        gpus=int(quantity(stated.get(names.GPU, "0"))),
    )

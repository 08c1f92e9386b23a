"""The key under which a task's outputs are reused."""

import hashlib

from flyteidl.core.interface_pb2 import TypedInterface
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flyteidl.core.tasks_pb2 import TaskTemplate


def _put(digest: "hashlib._Hash", *parts: bytes) -> None:
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)


def _literal_bytes(literal: Literal) -> bytes:
    """Return what tells two inputs apart: a literal's own hash where it states one, else its content."""
    if literal.hash:
        return f"hash:{literal.hash}".encode()
    kind = literal.WhichOneof("value")
    digest = hashlib.sha256()
    if kind == "collection":
        _put(digest, b"collection", *(_literal_bytes(each) for each in literal.collection.literals))
    elif kind == "map":
        for key in sorted(literal.map.literals):
            _put(digest, key.encode(), _literal_bytes(literal.map.literals[key]))
    else:
        content = Literal()
        content.CopyFrom(literal)
        content.metadata.clear()
        _put(digest, content.SerializeToString(deterministic=True))
    return digest.digest()


def _interface_bytes(interface: TypedInterface) -> bytes:
    digest = hashlib.sha256()
    for variables in (interface.inputs.variables, interface.outputs.variables):
        for name in sorted(variables):
            _put(digest, name.encode(), variables[name].type.SerializeToString(deterministic=True))
        _put(digest, b"end")
    return digest.digest()


def cache_key(task: TaskTemplate, version: str, inputs: LiteralMap) -> str:
    """Return the key: project, domain, task, interface, cache version and the inputs not left out."""
    digest = hashlib.sha256()
    _put(digest, task.id.project.encode(), task.id.domain.encode(), task.id.name.encode(), version.encode())
    _put(digest, _interface_bytes(task.interface))
    ignored = set(task.metadata.cache_ignore_input_vars)
    for name in sorted(set(inputs.literals) - ignored):
        _put(digest, name.encode(), _literal_bytes(inputs.literals[name]))
    return digest.hexdigest()

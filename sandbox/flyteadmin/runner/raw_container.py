"""Raw containers: their input and output folders, which Flyte's copilot would fill and empty."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flyteidl.core.interface_pb2 import VariableMap
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar
from flyteidl.core.tasks_pb2 import DataLoadingConfig
from flyteidl.core.types_pb2 import LiteralType, SimpleType
from google.protobuf.json_format import MessageToJson

from sandbox.flyteadmin.graph.template import TemplateError, as_text
from sandbox.flyteadmin.runner.results import Outcome, failure
from sandbox.flyteadmin.storage import Storage


@dataclass(frozen=True)
class Folders:
    """A container's data folders as they are here: paths of the container are replaced by those of the attempt."""

    config: DataLoadingConfig
    folder: Path

    @property
    def inputs(self) -> Path:
        """Return where the inputs lie, a file each."""
        return self.folder / "inputs"

    @property
    def outputs(self) -> Path:
        """Return where the command leaves its outputs, a file each."""
        return self.folder / "outputs"

    def localize(self, text: str) -> str:
        """Return an argument with the container's paths replaced."""
        for theirs, ours in ((self.config.input_path, self.inputs), (self.config.output_path, self.outputs)):
            if theirs:
                text = text.replace(theirs.rstrip("/"), str(ours))
        return text

    async def fill(self, storage: Storage, inputs: LiteralMap) -> None:
        """Write the inputs."""
        self.inputs.mkdir(parents=True, exist_ok=True)
        self.outputs.mkdir(parents=True, exist_ok=True)
        (self.inputs / "inputs.pb").write_bytes(inputs.SerializeToString())
        (self.inputs / "inputs.json").write_text(MessageToJson(inputs))
        for name, literal in inputs.literals.items():
            if literal.scalar.WhichOneof("value") == "blob":
                (self.inputs / name).write_bytes(await storage.get(literal.scalar.blob.uri))
                continue
            try:
                (self.inputs / name).write_text(as_text(literal))
            except TemplateError:
                continue  # only in inputs.pb and inputs.json

    async def collect(self, storage: Storage, declared: VariableMap, raw_prefix: str) -> Outcome:
        """Read the outputs the command was to leave."""
        outputs = LiteralMap()
        for name, variable in declared.variables.items():
            file = self.outputs / name
            if not file.is_file():
                return failure("MissingOutput", f"the container left no output [{name}]", recoverable=True)
            try:
                literal = await _literal(storage, file, variable.type, f"{raw_prefix}/{name}")
            except ValueError as error:
                return failure("BadOutput", f"output [{name}]: {error}")
            outputs.literals[name].CopyFrom(literal)
        return Outcome(outputs=outputs)


async def _literal(storage: Storage, file: Path, kind: LiteralType, uri: str) -> Literal:
    content = await asyncio.to_thread(file.read_bytes)
    if kind.WhichOneof("type") == "blob":
        await storage.put(uri, content)
        literal = Literal()
        literal.scalar.blob.uri = uri
        literal.scalar.blob.metadata.type.CopyFrom(kind.blob)
        return literal
    return Literal(scalar=Scalar(primitive=_primitive(content.decode(), kind)))


def _boolean(text: str) -> bool:
    known: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _primitive(text: str, kind: LiteralType) -> Primitive:
    if kind.WhichOneof("type") == "enum_type" or kind.simple == SimpleType.STRING:
        return Primitive(string_value=text)
    text = text.strip()
    if kind.simple == SimpleType.INTEGER:
        return Primitive(integer=int(text))
    if kind.simple == SimpleType.FLOAT:
        return Primitive(float_value=float(text))
    if kind.simple == SimpleType.BOOLEAN:
        return Primitive(boolean=_boolean(text))
    if kind.simple == SimpleType.DATETIME:
        moment = Primitive()
        moment.datetime.FromDatetime(datetime.fromisoformat(text))
        return moment
    raise ValueError("only primitives and files can be outputs of a raw container here")

"""Map tasks: how many elements there are, what one sees, and how their outputs are put together."""

import math
from collections.abc import Iterable, Mapping, Sequence

from flyteidl.core.interface_pb2 import VariableMap
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flyteidl.core.workflow_pb2 import ArrayNode


class ArrayLengthError(Exception):
    """The lists that a map task runs over do not agree, or there are none."""


def length(inputs: LiteralMap, bound: Iterable[str]) -> int:
    """Return the number of elements of the lists among the inputs; bound inputs go to each whole."""
    lists = {
        name: len(literal.collection.literals)
        for name, literal in inputs.literals.items()
        if name not in bound and literal.WhichOneof("value") == "collection"
    }
    if not lists:
        if set(inputs.literals) <= set(bound):
            return 1
        raise ArrayLengthError("no input array provided")
    if len(set(lists.values())) > 1:
        raise ArrayLengthError(f"input arrays have different lengths: {lists}")
    return next(iter(lists.values()))


def element(inputs: LiteralMap, index: int, bound: Iterable[str]) -> LiteralMap:
    """Return the inputs of one element."""
    single = LiteralMap()
    for name, literal in inputs.literals.items():
        whole = name in bound or literal.WhichOneof("value") != "collection"
        single.literals[name].CopyFrom(literal if whole else literal.collection.literals[index])
    return single


def minimum_successes(array: ArrayNode, size: int) -> int:
    """Return how many elements must succeed."""
    criteria = array.WhichOneof("success_criteria")
    if criteria == "min_successes":
        return int(array.min_successes)
    if criteria == "min_success_ratio":
        return math.ceil(float(array.min_success_ratio) * size)
    return size


def gather(outputs: Sequence[LiteralMap | None], declared: VariableMap) -> LiteralMap:
    """Return lists of the elements' outputs, a none in the place of one that failed."""
    gathered = LiteralMap()
    for name in declared.variables:
        collection = gathered.literals[name].collection
        collection.SetInParent()
        for each in outputs:
            collection.literals.append(_output(each.literals if each is not None else {}, name))
    return gathered


def _output(literals: Mapping[str, Literal], name: str) -> Literal:
    if name in literals:
        return literals[name]
    nothing = Literal()
    nothing.scalar.none_type.SetInParent()
    return nothing

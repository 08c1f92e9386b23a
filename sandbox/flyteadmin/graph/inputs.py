"""An execution's inputs: what a launch plan expects, and what a caller gave, defaults and fixed values filled in."""

from flyteidl.core.interface_pb2 import Parameter, ParameterMap, VariableMap
from flyteidl.core.literals_pb2 import LiteralMap

from sandbox.flyteadmin.errors import invalid
from sandbox.flyteadmin.graph.types import castable, describe, type_of


def expected_inputs(wanted: VariableMap, defaults: ParameterMap, fixed: LiteralMap) -> ParameterMap:
    """Return what a launch plan still asks of its caller, and refuse defaults and fixed inputs that fit nothing."""
    for name, parameter in defaults.parameters.items():
        if name not in wanted.variables:
            raise invalid(f"unexpected default_input {name}")
        _check_default(name, parameter, wanted)
    for name, literal in fixed.literals.items():
        if name not in wanted.variables:
            raise invalid(f"unexpected fixed_input {name}")
        kind = wanted.variables[name].type
        if not castable(type_of(literal), kind):
            raise invalid(f"invalid fixed_input wrong type {name}, expected {describe(kind)}")
    expected = ParameterMap()
    for name, variable in wanted.variables.items():
        if name in fixed.literals:
            continue
        given = defaults.parameters.get(name)
        if given is not None and given.WhichOneof("behavior") is not None:
            expected.parameters[name].CopyFrom(given)
        else:
            expected.parameters[name].CopyFrom(Parameter(var=variable, required=True))
    return expected


def _check_default(name: str, parameter: Parameter, wanted: VariableMap) -> None:
    if parameter.WhichOneof("behavior") != "default":
        return
    kind = wanted.variables[name].type
    if not castable(type_of(parameter.default), kind):
        raise invalid(f"invalid default_input wrong type {name}, expected {describe(kind)}")


def complete_inputs(given: LiteralMap, fixed: LiteralMap, expected: ParameterMap) -> LiteralMap:
    """Check a caller's inputs and return them with the defaults and fixed values; all names in one message."""
    extra = sorted(set(given.literals) - set(expected.parameters))
    if extra:
        overridden = [name for name in extra if name in fixed.literals]
        if overridden:
            raise invalid(f"fixed_inputs {', '.join(overridden)} cannot be overridden")
        raise invalid(f"invalid input {', '.join(extra)}")
    missing = sorted(n for n, p in expected.parameters.items() if p.required and n not in given.literals)
    if missing:
        raise invalid(f"expected_inputs {', '.join(missing)} missing")
    complete = LiteralMap()
    for name, parameter in expected.parameters.items():
        if name not in given.literals:
            complete.literals[name].CopyFrom(parameter.default)
            continue
        literal, kind = given.literals[name], parameter.var.type
        if not castable(type_of(literal), kind):
            found = describe(type_of(literal))
            raise invalid(f"invalid {name} input wrong type. Expected {describe(kind)}, but got {found}")
        complete.literals[name].CopyFrom(literal)
    for name, literal in fixed.literals.items():
        complete.literals[name].CopyFrom(literal)
    return complete

"""gRPC without generated servicers: a service is a descriptor and objects whose methods are named after it."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from sandbox.flyteadmin.auth import AUTHORIZATION, Tokens
from sandbox.flyteadmin.errors import FlyteError, unimplemented

log = logging.getLogger(__name__)
# Takes the request and the name of who asks; may be a coroutine function.
Handler = Callable[[Any, str], Any]


def add_service(
    server: grpc.aio.Server, service: ServiceDescriptor, parts: list[object], tokens: Tokens | None
) -> None:
    """Serve a service; methods that no part has answer UNIMPLEMENTED, callers without a token are refused."""
    handlers = {}
    for method in service.methods:
        found = [getattr(part, method.name) for part in parts if hasattr(part, method.name)]
        handler = found[0] if found else _absent(method)
        handlers[method.name] = grpc.unary_unary_rpc_method_handler(
            _guarded(handler, tokens),
            request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
            response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
        )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def _absent(method: MethodDescriptor) -> Handler:
    def refuse(_request: object, _caller: str) -> None:
        raise unimplemented(method.name)

    return refuse


def _guarded(handler: Handler, tokens: Tokens | None) -> Callable[[Any, Any], Awaitable[Any]]:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            caller = tokens.verify(_authorization(context)) if tokens is not None else ""
            answer = handler(request, caller)
            return await answer if inspect.isawaitable(answer) else answer
        except FlyteError as error:
            await context.abort(error.code, error.message)
        except Exception as error:
            log.exception("%s failed", getattr(handler, "__name__", handler))
            await context.abort(grpc.StatusCode.INTERNAL, f"the embedded FlyteAdmin failed: {error!r}")

    return call


def _authorization(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key.lower() == AUTHORIZATION:
            return value if isinstance(value, str) else value.decode()
    return ""

"""The gRPC services: each handler turns a request into a call on the store, the launcher or the engine."""

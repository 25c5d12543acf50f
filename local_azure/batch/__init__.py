"""The local Batch service: routes, handlers, engine, store."""

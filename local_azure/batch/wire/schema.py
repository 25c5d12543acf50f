"""Reading a request body against the models of the REST API: names, types, enumerations, durations, times.

`models.json` holds the models of API version 2025-06-01 that occur in request bodies, one a line: field name to
type, `!` for a required one, in the order in which the service writes the fields in its answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_azure.batch.errors import BatchError, invalid_property
from local_azure.batch.wire.times import normal_duration, stored_time

_TABLES = json.loads(Path(__file__).with_name("models.json").read_text(encoding="utf-8"))
_MODELS: dict[str, dict[str, str]] = _TABLES["models"]
_ENUMS: dict[str, dict[str, str]] = {
    name: {value.lower(): value for value in values} for name, values in _TABLES["enums"].items()
}
SECRETS: frozenset[str] = frozenset(name for names in _TABLES["secrets"].values() for name in names)
"""The write-only fields, such as passwords, which no answer holds."""

RETIRED = frozenset(
    {
        "applicationLicenses",
        "authenticationTokenSettings",
        "certificateReferences",
        "resourceTags",
        "targetNodeCommunicationMode",
    }
)
"""Fields of API versions before 2025-06-01: taken from older clients without an error, and dropped."""


def _malformed(reason: str) -> BatchError:
    return BatchError("InvalidRequestBody", ("Reason", reason))


def _plain(kind: type, name: str) -> Callable[[Any, str], Any]:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _malformed(f"The property '{path}' must be {name}")
        return value

    return read


def _converted(convert: Callable[[str], str], name: str) -> Callable[[Any, str], Any]:
    def read(value: Any, path: str) -> Any:
        try:
            return convert(value)
        except (ValueError, TypeError) as error:
            raise invalid_property(path.rpartition(".")[2], f"The value must be {name}", value) from error

    return read


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "str": _plain(str, "text"),
    "int": _plain(int, "a whole number"),
    "bool": _plain(bool, "true or false"),
    "map": _plain(dict, "an object"),
    "time": _converted(stored_time, "an ISO 8601 time"),
    "duration": _converted(normal_duration, "an ISO 8601 duration"),
}


def _read_enum(name: str, value: Any, path: str) -> str:
    """Any case is taken, as by the service; the stored spelling is that of the table."""
    spelling = _ENUMS[name].get(value.lower()) if isinstance(value, str) else None
    if spelling is None:
        choices = ", ".join(_ENUMS[name].values())
        raise invalid_property(path.rpartition(".")[2], f"The value must be one of {choices}", value)
    return spelling


def _read_typed(kind: str, value: Any, path: str) -> Any:
    if kind.startswith("["):
        if not isinstance(value, list):
            raise _malformed(f"The property '{path}' must be a list")
        return [_read_typed(kind[1:-1], item, path) for item in value]
    if kind in _READERS:
        return _READERS[kind](value, path)
    if kind in _ENUMS:
        return _read_enum(kind, value, path)
    return read_model(kind, value, path)


def read_model(model: str, value: Any, path: str = "") -> dict[str, Any]:
    """The body `value` of `model`, checked and put in the wire's order; nulls count as absent.

    OData annotations such as odata.metadata, in a body that a client sends back, are passed over.

    Raises BatchError: InvalidRequestBody for an unknown property or a wrong type, MissingRequiredProperty,
    InvalidPropertyValue for a value outside its enumeration or an ill-formed time or duration.
    """
    if not isinstance(value, dict):
        raise _malformed(f"The property '{path}' must be an object" if path else "The body must be an object")
    fields = _MODELS[model]
    for name in value:
        if name not in fields and name not in RETIRED and not name.startswith("odata."):
            raise _malformed(f"The property '{name}' does not exist on '{path or 'the request body'}'")
    body = {}
    for name, kind in fields.items():
        given = value.get(name)
        if given is not None:
            body[name] = _read_typed(kind.rstrip("!"), given, f"{path}.{name}" if path else name)
        elif kind.endswith("!"):
            raise BatchError("MissingRequiredProperty", ("PropertyName", name))
    return body


def filled(model: str, body: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The body with defaults for what is absent, in the wire's order; empty lists go, as in the service's answers."""
    full = {**defaults, **body}
    return {name: full[name] for name in _MODELS[model] if name in full and full[name] != []}

"""$filter: parsed once, then turned into SQL over the stored documents or asked of one document.

The grammar is what Batch documents: `property operator literal` with eq ne gt ge lt le, `startswith(property,
'text')`, `and`, `or` and parentheses. Each list allows its own properties and operators (Microsoft's page "Create
queries to list Batch resources efficiently"); anything else is InvalidQueryParameterValue. Text compares without
regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_azure.batch.errors import BatchError, invalid_query
from local_azure.batch.wire.times import from_http_date, stored_from, stored_time

_SIX = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_EQ = frozenset({"eq"})
_EQ_NE = frozenset({"eq", "ne"})
_TEXT = _SIX | {"startswith"}


@dataclass(frozen=True)
class Property:
    """What a list's filter may ask of one property: its operators and the kind of its literals."""

    kind: str
    operators: frozenset[str]
    path: str = ""


def _states(*values: str, operators: frozenset[str] = _EQ_NE) -> Property:
    return Property("one of " + " ".join(values), operators)


_TIME = Property("time", _SIX)
_ID = Property("text", _TEXT)
_RESULT = _states("success", "failure")

PROPERTIES: dict[str, dict[str, Property]] = {
    "pools": {
        "id": _ID,
        "state": _states("active", "deleting"),
        "stateTransitionTime": _TIME,
        "allocationState": _states("steady", "resizing", "stopping"),
        "allocationStateTransitionTime": _TIME,
        "creationTime": _TIME,
        "lastModified": _TIME,
        "enableAutoScale": Property("bool", _EQ_NE),
        "enableInterNodeCommunication": Property("bool", _EQ_NE),
        "vmSize": Property("text", _EQ_NE),
    },
    "nodes": {
        "state": _states(
            *("idle", "rebooting", "reimaging", "running", "unusable", "creating", "starting"),
            *("waitingforstarttask", "starttaskfailed", "unknown", "leavingpool", "offline", "preempted"),
            *("upgradingos", "deallocated", "deallocating"),
        ),
        "stateTransitionTime": _TIME,
        "lastBootTime": _TIME,
        "allocationTime": _TIME,
        "startTaskInfo/state": _states("running", "completed", operators=_EQ),
        "startTaskInfo/result": _RESULT,
        "startTaskInfo/exitCode": Property("int", _SIX),
        "startTaskInfo/startTime": _TIME,
        "startTaskInfo/endTime": _TIME,
    },
    "jobs": {
        "id": _ID,
        "state": _states(
            "active", "disabling", "disabled", "enabling", "terminating", "completed", "deleting"
        ),
        "stateTransitionTime": _TIME,
        "creationTime": _TIME,
        "lastModified": _TIME,
        "executionInfo/startTime": _TIME,
        "executionInfo/endTime": _TIME,
        "executionInfo/poolId": _ID,
    },
    "tasks": {
        "id": _ID,
        "state": _states("active", "preparing", "running", "completed"),
        "stateTransitionTime": _TIME,
        "creationTime": _TIME,
        "lastModified": _TIME,
        "lastModifiedTime": Property("time", _SIX, path="lastModified"),
        "executionInfo/startTime": _TIME,
        "executionInfo/endTime": _TIME,
        "executionInfo/exitCode": Property("int", _SIX),
        "executionInfo/result": _RESULT,
    },
    "files": {"name": Property("text", frozenset({"startswith"}))},
    "nodecounts": {"poolId": Property("text", _EQ)},
    "supportedimages": {
        "osType": _states("linux", "windows"),
        "verificationType": _states("verified", "unverified"),
        "nodeAgentSKUId": Property("text", _EQ_NE),
    },
}


@dataclass(frozen=True)
class Comparison:
    """`path operator value`; `kind` says how values compare."""

    path: str
    operator: str
    value: Any
    kind: str


@dataclass(frozen=True)
class Group:
    """All (`and`) or any (`or`) of the parts."""

    word: str
    parts: tuple[Node, ...]


Node = Comparison | Group

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<comma>,)"
    r"|(?P<time>datetime(?:offset)?'(?:[^']|'')*'|\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)"
    r"|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?![\w.]))|(?P<word>[A-Za-z_][\w/]*))",
    re.IGNORECASE,
)
_DEEPEST = 64
_LONGEST = 16_384


def parse(text: str, listing: str) -> Node:
    """The filter `text` for the list `listing`; BatchError InvalidQueryParameterValue when it is not valid."""
    return _Parser(text, PROPERTIES[listing]).parse()


class _Parser:
    def __init__(self, text: str, properties: Mapping[str, Property]) -> None:
        self.text = text
        self.properties = properties
        self.tokens = self._tokens()
        self.at = 0

    def refuse(self, reason: str) -> BatchError:
        return invalid_query("$filter", self.text, reason)

    def _tokens(self) -> list[tuple[str, str]]:
        tokens, place, text = [], 0, self.text.rstrip()
        if len(text) > _LONGEST:
            raise self.refuse(f"The filter is longer than {_LONGEST} characters")
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise self.refuse(f"Syntax error at position {place}")
            tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()
        return tokens

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, kind: str) -> str:
        found, value = self.peek()
        if found != kind:
            raise self.refuse(f"Expected {kind}, found {value or 'the end'}")
        self.at += 1
        return value

    def parse(self) -> Node:
        node = self.either(0)
        if self.peek()[0] != "end":
            raise self.refuse(f"Unexpected {self.peek()[1]}")
        return node

    def either(self, depth: int) -> Node:
        return self.group("or", lambda: self.both(depth))

    def both(self, depth: int) -> Node:
        return self.group("and", lambda: self.single(depth))

    def group(self, word: str, part: Any) -> Node:
        parts = [part()]
        while self.peek() == ("word", word):
            self.at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Group(word, tuple(parts))

    def single(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.refuse("The filter is nested too deeply")
        if self.peek()[0] == "open":
            self.at += 1
            node = self.either(depth + 1)
            self.take("close")
            return node
        name = self.take("word")
        if name == "startswith":
            return self.startswith()
        operator = self.take("word")
        return self.comparison(name, operator)

    def startswith(self) -> Node:
        self.take("open")
        name = self.take("word")
        self.take("comma")
        node = self.comparison(name, "startswith")
        self.take("close")
        return node

    def comparison(self, name: str, operator: str) -> Node:
        known = self.properties.get(name)
        if known is None:
            raise self.refuse(f"The property {name} cannot be used in this filter")
        if operator not in known.operators:
            raise self.refuse(f"The operator {operator} is not supported for the property {name}")
        found, literal = self.peek()
        self.at += 1
        value = self.literal(known.kind, found, literal)
        if value is None:
            raise self.refuse(f"{literal or 'The end'} is not a value for the property {name}")
        kind = "exact" if known.kind.startswith("one of") else known.kind
        return Comparison(known.path or name, operator, value, kind)

    def literal(self, kind: str, found: str, literal: str) -> Any:
        if kind == "time":
            return self.time(literal) if found == "time" else None
        if kind == "int":
            return int(literal) if found == "number" and -(2**63) <= int(literal) < 2**63 else None
        if kind == "bool":
            return {"true": True, "false": False}.get(literal) if found == "word" else None
        if found != "text":
            return None
        text = literal[1:-1].replace("''", "'")
        if kind == "text":
            return text
        return text.lower() if text.lower() in kind.split()[2:] else None

    def time(self, literal: str) -> str | None:
        text = literal.partition("'")[2].rstrip("'") or literal
        try:
            return stored_time(text)
        except ValueError:
            pass
        try:
            return stored_from(from_http_date(text))
        except ValueError:
            return None


_SQL = {"eq": "=", "ne": "IS NOT", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def to_sql(node: Node) -> tuple[str, tuple[Any, ...]]:
    """The filter as boolean SQL over the column `doc` (JSON text), with its parameters.

    Long chains are nested in halves: SQLite allows an expression a depth of 1000.
    """
    if isinstance(node, Group):
        return _halves(node.word.upper(), [to_sql(part) for part in node.parts])
    field = f"json_extract(doc, '$.{node.path.replace('/', '.')}')"
    if node.operator == "startswith":
        return f"substr({field}, 1, ?) = ? COLLATE NOCASE", (len(node.value), node.value)
    collate = " COLLATE NOCASE" if node.kind == "text" else ""
    return f"{field} {_SQL[node.operator]} ?{collate}", (node.value,)


def _halves(word: str, parts: list[tuple[str, tuple[Any, ...]]]) -> tuple[str, tuple[Any, ...]]:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = _halves(word, parts[:middle]), _halves(word, parts[middle:])
    return f"({left[0]} {word} {right[0]})", left[1] + right[1]


def matches(node: Node, document: Mapping[str, Any]) -> bool:
    """Whether one document passes the filter: for lists that are not in the store."""
    if isinstance(node, Group):
        return (all if node.word == "and" else any)(matches(part, document) for part in node.parts)
    found, wanted = document.get(node.path), node.value
    if isinstance(found, str):
        found, wanted = found.lower(), wanted.lower()
    if node.operator == "startswith":
        return isinstance(found, str) and found.startswith(wanted)
    return (found == wanted) == (node.operator == "eq")

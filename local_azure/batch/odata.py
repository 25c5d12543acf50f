"""$filter: parsed once, then turned into SQL over the stored documents or asked of one document.

The grammar is what Batch documents: `property operator literal` with eq ne gt ge lt le, `startswith(property,
'text')`, `and`, `or` and parentheses. Each list allows its own properties and operators (Microsoft's page "Create
queries to list Batch resources efficiently"); anything else is InvalidQueryParameterValue. Text compares without
regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_azure.batch.errors import BatchError, invalid_query
from local_azure.batch.filterable import PROPERTIES, Property
from local_azure.batch.wire.times import from_http_date, stored_from, stored_time


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
    """Reads a filter from its tokens by descent: or, and, one comparison or a group in brackets.

    Its methods raise BatchError InvalidQueryParameterValue, with the place and the reason, for what they can't read.
    """

    def __init__(self, text: str, properties: Mapping[str, Property]) -> None:
        self.text = text
        self.properties = properties
        self.tokens = self._tokens()
        self.at = 0

    def refuse(self, reason: str) -> BatchError:
        """The error that tells why this filter is not valid."""
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
        """The next token's kind and text; ("end", "") behind the last."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, kind: str) -> str:
        """The text of the next token, which must be of this kind; goes on behind it."""
        found, value = self.peek()
        if found != kind:
            raise self.refuse(f"Expected {kind}, found {value or 'the end'}")
        self.at += 1
        return value

    def parse(self) -> Node:
        """The whole filter."""
        node = self.either(0)
        if self.peek()[0] != "end":
            raise self.refuse(f"Unexpected {self.peek()[1]}")
        return node

    def either(self, depth: int) -> Node:
        """Parts joined by `or`; `depth` counts the brackets around them."""
        return self.group("or", lambda: self.both(depth))

    def both(self, depth: int) -> Node:
        """Parts joined by `and`, which binds closer than `or`."""
        return self.group("and", lambda: self.single(depth))

    def group(self, word: str, part: Callable[[], Node]) -> Node:
        """One part, or several with `word` between them."""
        parts = [part()]
        while self.peek() == ("word", word):
            self.at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Group(word, tuple(parts))

    def single(self, depth: int) -> Node:
        """A group in brackets, a startswith or a comparison."""
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
        """`(name,'text')` behind the word startswith."""
        self.take("open")
        name = self.take("word")
        self.take("comma")
        node = self.comparison(name, "startswith")
        self.take("close")
        return node

    def comparison(self, name: str, operator: str) -> Node:
        """The comparison of a property with the literal that follows, if the property allows the operator."""
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
        """The value that a token of the kind `found` has for a property of the kind `kind`; None when it has none."""
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
        """The stored time that a literal means, DateTime'…', ISO 8601 or an HTTP date; None for anything else."""
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

"""Why a task failed, as the wire tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Failure:
    """Why a task failed, in Batch's words. `category` is "UserError" or "ServerError"."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    category: str = "UserError"

    def document(self) -> dict[str, Any]:
        """The wire's failureInfo."""
        doc: dict[str, Any] = {"category": self.category, "code": self.code, "message": self.message}
        if self.details:
            doc["details"] = [{"name": name, "value": value} for name, value in self.details]
        return doc

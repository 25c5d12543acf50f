"""The account's quotas: how many cores, pools and active jobs it may have. Without a word about one there is no limit."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

_CORES = re.compile(r"[a-z]+_[a-z]+(?:\d+-)?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """The most there may be at a time; None means any number. Cores are those of all pools' nodes."""

    cores: int | None = None
    spotCores: int | None = None
    pools: int | None = None
    jobs: int | None = None

    @classmethod
    def read(cls, text: str) -> Limits:
        """Limits as the command line names them, such as `cores=20,pools=3`; ValueError for anything else."""
        values = {}
        for part in text.split(","):
            name, _, number = part.partition("=")
            if name not in {field.name for field in fields(cls)} or not number.isdecimal():
                raise ValueError(f"{part} is not a quota")
            values[name] = int(number)
        return cls(**values)

    def to_json(self) -> dict[str, int | None]:
        """The object that a quota file holds."""
        return asdict(self)


class Quota:
    """The limits in force: those in a file that may change at any time."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def limits(self) -> Limits:
        """What the file says now. A file that can't be read limits nothing, nor does a value that is no number."""
        if self._path is None:
            return Limits()
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return Limits()
        names = [field.name for field in fields(Limits)]
        values = {name: found.get(name) for name in names} if isinstance(found, dict) else {}
        return Limits(**{name: value for name, value in values.items() if type(value) is int and value >= 0})


def cores(vm_size: str) -> int:
    """How many cores a VM of this size has, by its name: standard_d2s_v5 has 2, standard_e8-4s_v5 4."""
    found = _CORES.match(vm_size)
    return int(found[1]) if found else 1

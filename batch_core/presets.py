"""A person's own presets: a name for a conversion with its options, kept in `presets.json`, exported and imported.

What is imported is a stranger's text: its size, its fields and every value are checked, arguments like typed ones.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock

from batch_core.conversions import Options, conversion, options_from, stored
from batch_core.conversions.expert import parse
from batch_core.conversions.options import only_taken
from batch_core.errors import InvalidInput, NotFound, ServiceFailure
from batch_core.folders import make_private
from batch_core.texts import visible

FILE = "presets.json"
KIND = "batch-video-presets"
MOST_PRESETS, MOST_BYTES, MOST_NAME = 100, 256 * 1024, 60
_OPTIONS = {field.name for field in fields(Options)}


@dataclass(frozen=True)
class Preset:
    """A conversion's id with options, under a name of a person's own."""

    name: str
    conversion: str
    options: Options


class Presets:
    """The presets in a folder, which is the app's home."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def all(self) -> list[Preset]:
        """By name. Raises ServiceFailure when the file is there and can't be read."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._broken(error.strerror or "it can't be opened") from None
        try:
            return sorted(imported(data), key=lambda preset: preset.name.casefold())
        except InvalidInput as error:
            raise self._broken(error.user_message) from None

    def save(self, preset: Preset, *, replacing: bool = False) -> None:
        """Keeps a preset. Raises InvalidInput, also for a name that is taken unless that is what it is `replacing`;
        ServiceFailure."""
        preset = checked(preset)
        with self._locked():
            there = self.all()
            others = [one for one in there if one.name.casefold() != preset.name.casefold()]
            if len(others) < len(there) and not replacing:
                raise InvalidInput(f"A preset “{preset.name}” is there already.", "Choose another name.")
            self._write([*others, preset])

    def delete(self, name: str) -> None:
        """Forgets a preset; one that is not there is fine. Raises ServiceFailure."""
        with self._locked():
            self._write(one for one in self.all() if one.name != name)

    def add(self, data: bytes) -> list[Preset]:
        """Keeps what was exported elsewhere; a name that is taken gets a number. Raises InvalidInput, ServiceFailure."""
        found = imported(data)
        with self._locked():
            there = self.all()
            taken = {one.name.casefold() for one in there}
            added = []
            for one in found:
                if one not in there:
                    added.append(replace(one, name=_free(one.name, taken)))
                    taken.add(added[-1].name.casefold())
            self._write([*there, *added])
        return added

    def _write(self, presets: Iterable[Preset]) -> None:
        kept = list(presets)
        if len(kept) > MOST_PRESETS:
            raise InvalidInput(
                f"{MOST_PRESETS} presets are kept at most.", "Delete some that you no longer need."
            )
        try:
            make_private(self.path.parent)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".presets-")
            with os.fdopen(handle, "wb") as file:
                file.write(exported(kept))
            Path(name).replace(self.path)
        except OSError as error:
            raise ServiceFailure(
                f"The presets can't be written to {self.path}: {error.strerror}.",
                "Make room or give access there.",
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_private(self.path.parent)
        with FileLock(self.path.with_suffix(".lock"), timeout=10):
            yield

    def _broken(self, why: str) -> ServiceFailure:
        return ServiceFailure(
            f"Your own presets in {self.path} can't be read: {why}",
            "Mend or delete that file; the app leaves it alone.",
        )


def checked(preset: Preset) -> Preset:
    """The preset without what its conversion does not take. Raises InvalidInput for what can't be kept."""
    name = " ".join(visible(preset.name).split()) if isinstance(preset.name, str) else ""
    if not name or len(name) > MOST_NAME:
        raise InvalidInput(f"A preset's name has 1 to {MOST_NAME} letters.")
    try:
        wanted = conversion(preset.conversion)
    except (NotFound, TypeError):
        raise InvalidInput(f"“{name}” makes something that this version does not know.") from None
    options = only_taken(wanted, options_from(stored(preset.options)))
    if wanted.group == "Expert":
        options = replace(options, arguments=parse(options.arguments))
    return Preset(name, wanted.id, options)


def exported(presets: Iterable[Preset]) -> bytes:
    """The presets as a file to hand on."""
    rows = [{"name": p.name, "conversion": p.conversion, "options": stored(p.options)} for p in presets]
    return orjson.dumps({"kind": KIND, "version": 1, "presets": rows}, option=orjson.OPT_INDENT_2) + b"\n"


def imported(data: bytes) -> list[Preset]:
    """The presets of such a file, each checked. Raises InvalidInput with what is wrong; then none is taken."""
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"It is too large for presets: {MOST_BYTES // 1024} KiB at most.")
    try:
        doc = orjson.loads(data)
    except ValueError:
        raise InvalidInput("It is no JSON, so it holds no presets.") from None
    rows = doc.get("presets") if isinstance(doc, dict) and doc.get("kind") == KIND else None
    if not isinstance(rows, list):
        raise InvalidInput("It holds no presets of this app.")
    if doc.get("version") != 1:
        raise InvalidInput("It was made by a later version of this app.", "Update this one.")
    if len(rows) > MOST_PRESETS:
        raise InvalidInput(f"It holds more than {MOST_PRESETS} presets.")
    return [_imported(row, number) for number, row in enumerate(rows, start=1)]


def _imported(row: Any, number: int) -> Preset:
    if not isinstance(row, dict) or set(row) != {"name", "conversion", "options"}:
        raise InvalidInput(f"Preset {number} in it is no preset.")
    options = row["options"]
    if not isinstance(options, dict) or not set(options) <= _OPTIONS:
        raise InvalidInput(f"Preset {number} in it has options that are not known.")
    try:
        return checked(Preset(row["name"], row["conversion"], options_from(options)))
    except InvalidInput as error:
        raise InvalidInput(
            f"Preset {number} in it can't be taken: {error.user_message}", error.hint
        ) from None


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        tail = f" ({number})"
        candidate = name[: MOST_NAME - len(tail)] + tail
    return candidate

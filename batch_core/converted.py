"""What was converted before: the same content, by the same conversion with the same options, its result still there."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from batch_core import files, manifests
from batch_core.account import Account
from batch_core.conversions import Options, command_line, conversion, only_taken
from batch_core.errors import InvalidInput, NotFound, ServiceFailure
from batch_core.files import VideoFile
from batch_core.manifests import Manifest
from batch_core.results import list_results

AT_ONCE = 8


@dataclass(frozen=True)
class Before:
    """Where an earlier result of a file is: its run by id and name, its task, and what it is called."""

    run_id: str
    run_name: str
    task_id: str
    result: str


class Conversions:
    """An account's earlier runs. Manifests never change, so each is read once and kept by its run's id."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._manifests: dict[str, Manifest] = {}

    def before(self, wanted: Sequence[VideoFile], conversion_id: str, options: Options) -> dict[str, Before]:
        """Those of these files, by id, of whose content there is such a result: stored, and not found bad.

        Content is told by fingerprint; files that were looked into by an earlier version get theirs now. The same
        options are those that make the same command line, so that a preset that was improved since counts as another.
        Raises DashboardError when storage or Batch does not answer.
        """
        contents = self._contents(wanted)
        commands = {
            (file.content, command)
            for file in contents
            if file.content and (command := _command(file, conversion_id, options))
        }
        found: dict[tuple[str, str], Before] = {}
        for manifest in self._of(conversion_id, options):
            if left := commands - found.keys():
                found |= self._results(manifest, left)
        return {
            file.id: found[key]
            for file in contents
            if (key := (file.content, _command(file, conversion_id, options))) in found
        }

    def _contents(self, wanted: Sequence[VideoFile]) -> list[VideoFile]:
        with ThreadPoolExecutor(AT_ONCE, "contents") as readers:
            return [
                file for file in readers.map(lambda file: _told(self.account, file), wanted) if file.content
            ]

    def _of(self, conversion_id: str, options: Options) -> list[Manifest]:
        """The runs that made the same thing in the same way, newest first."""
        same = only_taken(conversion(conversion_id), options)
        runs = [
            manifest
            for manifest in self._all()
            if manifest.conversion == conversion_id
            and only_taken(conversion(conversion_id), manifest.options) == same
        ]
        return sorted(runs, key=lambda manifest: manifest.created, reverse=True)

    def _all(self) -> list[Manifest]:
        stored = manifests.run_ids(self.account)
        new = [run_id for run_id in stored if run_id not in self._manifests]
        with ThreadPoolExecutor(AT_ONCE, "manifests") as readers:
            for manifest in readers.map(self._read, new):
                if manifest:
                    self._manifests[manifest.run_id] = manifest
        return [manifest for run_id, manifest in list(self._manifests.items()) if run_id in stored]

    def _read(self, run_id: str) -> Manifest | None:
        try:
            return manifests.read(self.account, run_id)
        except (
            NotFound,
            ServiceFailure,
        ):  # of a run like that nothing is known: its files are converted again
            return None

    def _results(
        self, manifest: Manifest, wanted: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], Before]:
        tasks = {
            file.task_id: key for file in manifest.files if (key := (file.content, file.command)) in wanted
        }
        if not tasks:
            return {}
        return {
            tasks[result.task_id]: Before(manifest.run_id, manifest.name, result.task_id, result.name)
            for result in list_results(self.account, manifest.run_id, manifest)
            if result.task_id in tasks and result.state == "done"
        }


def _told(account: Account, file: VideoFile) -> VideoFile:
    try:
        return files.with_content(account, file)
    except NotFound:
        return file  # deleted meanwhile


def _command(file: VideoFile, conversion_id: str, options: Options) -> str:
    """What a node would run for it; nothing where it can't become that."""
    try:
        return command_line(conversion(conversion_id), options, file.probe) if file.probe else ""
    except InvalidInput:
        return ""


def twice(wanted: Sequence[VideoFile]) -> dict[str, VideoFile]:
    """Those that have the content of another one before them, by id, with that other."""
    first: dict[str, VideoFile] = {}
    again: dict[str, VideoFile] = {}
    for file in wanted:
        if file.content:
            if file.content in first:
                again[file.id] = first[file.content]
            first.setdefault(file.content, file)
    return again

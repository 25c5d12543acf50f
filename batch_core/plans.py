"""What Convert is about to do: the plan of a run, what it will bring in sentences, and the manifest that it makes."""

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import orjson

from batch_core.account import Account, AccountKind
from batch_core.conversions import (
    Conversion,
    Options,
    changes,
    command_line,
    conversion,
    namesakes,
    refusal,
    result_names,
)
from batch_core.errors import InvalidInput, NotFound
from batch_core.files import VideoFile
from batch_core.manifests import Manifest, ManifestFile
from batch_core.pools import LOCAL_POOL, PoolInfo, PoolSpec, get_pool

DEFAULT_WALL_CLOCK = timedelta(hours=2)
MOST_FILES = 9_999  # task ids are numbered in four digits


@dataclass(frozen=True)
class Plan:
    """What Convert is about to do. With `pool_id` None, `spec` makes a pool that goes away with the run.

    `nonce` tells two runs of the same files apart; a page makes it once for each time that it is filled in.
    `sample_of` are the options of the whole that this plan tries a part of: a size that is promised is meant for that.
    """

    files: tuple[VideoFile, ...]
    conversion: str
    options: Options = field(default_factory=Options)
    pool_id: str | None = None
    spec: PoolSpec | None = None
    name: str = ""
    nonce: str = ""
    wall_clock: timedelta = DEFAULT_WALL_CLOCK
    parent: str | None = None
    attempt: int = 1
    sample_of: Options | None = None
    left_out: tuple[
        tuple[str, str], ...
    ] = ()  # name and reason of files that were asked for and can't become that

    @property
    def sample(self) -> bool:
        """Whether it only tries what a part of the files becomes."""
        return self.sample_of is not None

    @cached_property
    def run_id(self) -> str:
        """The job's id: the same for the same plan, on any machine."""
        everything = {**asdict(self), "wall_clock": self.wall_clock.total_seconds()}
        text = orjson.dumps(everything, option=orjson.OPT_SORT_KEYS)
        return f"run-{hashlib.sha256(text).hexdigest()[:20]}"


def what_will_happen(account: Account, plan: Plan) -> tuple[str, ...]:
    """The plan in sentences, for reading before the button is pressed. Asks the service for the pool."""
    count = len(plan.files)
    made = conversion(plan.conversion)
    first = "1 file becomes" if count == 1 else f"{count:,} files become"
    sentences = [f"{first} {made.in_a_sentence}."]
    if chosen := "; ".join(changes(made, plan.options)):
        sentences.append(f"{chosen[:1].upper()}{chosen[1:]}.")
    sentences += _where(account, plan)
    sentences.append(f"What still runs after {_in_words(plan.wall_clock)} is stopped.")
    sentences += _namesakes(plan)
    sentences.append("Your files stay as they are.")
    return tuple(sentences)


def _namesakes(plan: Plan) -> list[str]:
    again = namesakes(plan.files)
    if not again:
        return []
    those = "1 result gets a number" if again == 1 else f"{again:,} results get a number"
    return [f"{those}, as in “name (2)”, for others have the same name."]


def _where(account: Account, plan: Plan) -> list[str]:
    they, local = "It runs" if len(plan.files) == 1 else "They run", account.kind is AccountKind.LOCAL
    if plan.pool_id is None:
        return _on_own_pool(they, plan.spec, local) if plan.spec else ["No pool is chosen yet."]
    try:
        return _on_pool(they, get_pool(account, plan.pool_id), local)
    except NotFound:
        return [f"The pool {plan.pool_id} does not exist any more: choose another."]


def _on_own_pool(they: str, spec: PoolSpec, local: bool) -> list[str]:
    nodes = _nodes(spec.dedicated, spec.spot)
    if local:
        return [f"{they} on {nodes} made for this run, which go away with it; nothing costs money."]
    return [
        f"{they} on {nodes} ({spec.vm_size}) that Azure starts for this run.",
        "The pool goes away by itself when the run ends; Azure charges for its nodes until then.",
    ]


def _on_pool(they: str, pool: PoolInfo, local: bool) -> list[str]:
    nodes = _nodes(max(pool.target_dedicated, pool.dedicated), max(pool.target_spot, pool.spot))
    if not pool.target_dedicated + pool.target_spot + pool.dedicated + pool.spot:
        return [f"The pool {pool.id} has no nodes: nothing runs until you resize it."]
    if local:
        where = "this computer" if pool.id == LOCAL_POOL else f"the pool {pool.id} on this computer"
        return [f"{they} on the {nodes} of {where}; nothing costs money."]
    return [
        f"{they} on the pool {pool.id}: {nodes}, {pool.vm_size}.",
        "The pool stays afterwards, and Azure charges for its nodes while they exist.",
    ]


def _nodes(dedicated: int, spot: int) -> str:
    if not spot:
        return "1 node" if dedicated == 1 else f"{dedicated:,} nodes"
    if not dedicated:
        return "1 Spot node" if spot == 1 else f"{spot:,} Spot nodes"
    return f"{dedicated:,} dedicated and {spot:,} Spot nodes"


def _in_words(span: timedelta) -> str:
    hours, minutes = divmod(max(1, round(span.total_seconds() / 60)), 60)
    parts = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in ((hours, "hour"), (minutes, "minute")) if n]
    return " ".join(parts)


def manifest_of(plan: Plan) -> Manifest:
    """All that the plan's run is made from. Raises InvalidInput for a file that can't be converted so."""
    made = conversion(plan.conversion)
    if not plan.files:
        raise InvalidInput("No file is chosen.", "Choose at least one file.")
    if len(plan.files) > MOST_FILES:
        raise InvalidInput(
            f"One run takes at most {MOST_FILES:,} files.", "Start several runs, each with a part of them."
        )
    names = result_names(plan.files, made)
    files = tuple(
        _manifest_file(plan, made, number, file, names[file.id])
        for number, file in enumerate(plan.files, start=1)
    )
    return Manifest(
        run_id=plan.run_id,
        name=plan.name or plan.run_id,
        conversion=plan.conversion,
        options=plan.options,
        created=datetime.now(UTC),
        wall_clock=plan.wall_clock,
        parent=plan.parent,
        attempt=plan.attempt,
        files=files,
        pool_id=plan.pool_id,
        spec=None if plan.pool_id else plan.spec,
        left_out=plan.left_out,
        sample=plan.sample,
    )


def _manifest_file(plan: Plan, made: Conversion, number: int, file: VideoFile, result: str) -> ManifestFile:
    reason = refusal(made, file, plan.options)
    if reason or not file.probe:
        raise InvalidInput(f"{file.name} can't be converted: {reason or 'it was not looked into yet.'}")
    try:
        command = command_line(made, plan.options, file.probe, sample_of=plan.sample_of)
    except InvalidInput as error:
        raise InvalidInput(f"{file.name} can't be converted. {error.user_message}", error.hint) from None
    return ManifestFile(
        task_id=f"file-{number:04}",
        file_id=file.id,
        blob=file.blob,
        name=file.name,
        size=file.size,
        duration=file.probe.duration,
        result_name=result,
        extension=file.probe.extension,
        command=command,
        folder=file.folder,
        content=file.content,
    )

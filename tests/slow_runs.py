"""Runs of ours whose tasks write ffmpeg's progress file second by second, make nothing, and use no processor."""

import json
import uuid
from datetime import UTC, datetime, timedelta

from azure.batch import models

from batch_core import launching, manifests, storage
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.manifests import Manifest, ManifestFile
from tests.core.commands import python

WRITES = (
    "import time; [(open('progress.txt', 'a').write(chr(10).join("
    "[f'out_time_us={n}000000', 'speed=1.0x', 'progress=continue', ''])), time.sleep(1)) for n in range(BEGIN, END)]"
)


def slow_run(account: Account, pool_id: str, tasks: int, *, seconds: int, begin: int = 1) -> str:
    """The id of a run of `tasks` files of so many seconds, each of them as fast as it plays, from second `begin` on."""
    run_id = f"run-slow-{uuid.uuid4().hex[:8]}"
    command = python(WRITES.replace("BEGIN", str(begin)).replace("END", str(seconds)))
    files = tuple(
        ManifestFile(
            task_id=f"file-{n:04}",
            file_id=f"f{n}",
            blob=f"f{n}/a.mp4",
            name=f"film {n}.mp4",
            size=9,
            duration=float(seconds),
            result_name=f"film {n}.mp3",
            extension="mp4",
            command=command,
        )
        for n in range(1, tasks + 1)
    )
    storage.ensure_containers(account)
    now, limit = datetime.now(UTC), timedelta(hours=6)
    manifests.keep(
        account, Manifest(run_id, run_id, "mp3", Options(), now, limit, None, 1, files, pool_id=pool_id)
    )
    settings = {"conversion": "mp3", "options": {}, "total": tasks, "parent": None, "attempt": 1}
    label = {"app": storage.APP, "settings": json.dumps(settings)}
    account.batch.create_job(
        models.BatchJobCreateOptions(
            id=run_id,
            pool_info=models.BatchPoolInfo(pool_id=pool_id),
            metadata=[models.BatchMetadataItem(name=name, value=value) for name, value in label.items()],
        )
    )
    launching.add_tasks(
        account,
        run_id,
        [
            models.BatchTaskCreateOptions(id=file.task_id, display_name=file.name, command_line=command)
            for file in files
        ],
    )
    return run_id

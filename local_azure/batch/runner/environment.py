"""What a task sees of the world: a small environment, built from nothing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

_WINDOWS_NAMES = (
    *("SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "OS", "ProgramData", "ProgramFiles"),
    *("ProgramFiles(x86)", "CommonProgramFiles", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
)


@dataclass(frozen=True)
class Place:
    """Where a task runs: the names of account, pool and node, and the node's root directory."""

    account_name: str
    account_url: str
    pool_id: str
    node_id: str
    dedicated: bool
    root: Path
    tool_dir: Path

    @property
    def temporary(self) -> Path:
        """The node's own folder for temporary files."""
        return self.root / "volatile" / "temp"


def system_environment(place: Place, home: Path) -> dict[str, str]:
    """The little that programs need to work at all; nothing else of the service's environment is passed on."""
    path = os.pathsep.join([str(place.tool_dir), os.environ.get("PATH", os.defpath)])
    temporary = str(place.temporary)
    if sys.platform == "win32":
        kept = {name: os.environ[name] for name in _WINDOWS_NAMES if name in os.environ}
        own = {"PATH": path, "HOME": str(home), "USERPROFILE": str(home), "TEMP": temporary, "TMP": temporary}
        return kept | own
    language = os.environ.get("LANG", "C.UTF-8")
    return {"PATH": path, "HOME": str(home), "TMPDIR": temporary, "LANG": language}


def batch_environment(
    place: Place, directory: Path, *, job_id: str | None = None, task_id: str | None = None
) -> dict[str, str]:
    """The AZ_BATCH_ variables of a task, or of a start task (without job and task id).

    Source: Microsoft's page "Azure Batch runtime environment variables" (2024-06).
    """
    names = {
        "ACCOUNT_NAME": place.account_name,
        "ACCOUNT_URL": place.account_url,
        "NODE_ID": place.node_id,
        "NODE_IS_DEDICATED": "true" if place.dedicated else "false",
        "POOL_ID": place.pool_id,
        "NODE_ROOT_DIR": str(place.root),
        "NODE_SHARED_DIR": str(place.root / "shared"),
        "NODE_STARTUP_DIR": str(place.root / "startup"),
        "NODE_MOUNTS_DIR": str(place.root / "fsmounts"),
        "TASK_DIR": str(directory),
        "TASK_WORKING_DIR": str(directory / "wd"),
        "TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES": "0",
    }
    if sys.platform != "win32":
        names["CERTIFICATES_DIR"] = str(directory / "certs")
    if job_id is not None and task_id is not None:
        names |= {"JOB_ID": job_id, "TASK_ID": task_id}
    return {f"AZ_BATCH_{name}": value for name, value in names.items()}

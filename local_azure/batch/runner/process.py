"""A program with everything it starts: begun as a group of its own, watched, ended as a group."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from local_azure.batch.runner import STDERR, STDOUT, WORKING, Work, WorkFailedError
from local_azure.batch.runner.commandline import find_program, launch_failure, not_found, split
from local_azure.processes import ProcessIdentity

if sys.platform == "win32":
    from local_azure.batch.runner.windows import Job

_LOG = logging.getLogger(__name__)
_PATIENCE = 30.0  # seconds until a killed process must be gone
_STEP = 0.005
_PROC = Path("/proc")
_TERMINAL = 4  # where proc(5) has tty_nr, counted from behind the name


class LocalProcess:
    """A running program on this computer."""

    took_node = False

    def __init__(self, program: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._program = program
        self._loop = loop
        self._exit: asyncio.Future[int] = loop.create_future()
        if sys.platform == "win32":
            self._job = Job(program)
        self.identity: ProcessIdentity | None = _identity(program.pid)
        threading.Thread(target=self._watch, name=f"process {program.pid}", daemon=True).start()

    async def wait(self) -> int:
        """The exit code (128 + n when signal n ended it), once it and all it left running have ended."""
        return await asyncio.shield(self._exit)

    def end(self) -> None:
        """Kill the program and all it started; returns at once, `wait` tells when they are gone."""
        threading.Thread(target=self._kill, name=f"end {self._program.pid}", daemon=True).start()

    def _watch(self) -> None:
        code = self._program.wait()
        self._kill_group()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._set, _exit_code(code))

    def _set(self, code: int) -> None:
        if not self._exit.done():
            self._exit.set_result(code)

    def _kill(self) -> None:
        escaped = _descendants(self._program.pid)
        self._kill_group()
        for process in escaped:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _kill_group(self) -> None:
        if sys.platform == "win32":
            self._job.end()
        else:
            kill_group(self._program.pid)


def launch(work: Work) -> LocalProcess:
    """Start the work's program in its working directory, output into its files.

    WorkFailedError when there is no such program (CommandProgramNotFound) or it can't start (CommandLaunchFailed).
    """
    directory = work.directory / WORKING
    words = split(work.command_line)
    program = find_program(words[0], directory, work.environment.get("PATH", os.defpath))
    command: list[str] | str = work.command_line if sys.platform == "win32" else words
    with (work.directory / STDOUT).open("wb") as output, (work.directory / STDERR).open("wb") as errors:
        try:
            started = subprocess.Popen(
                command,
                executable=program,
                cwd=directory,
                env=work.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                creationflags=_creation_flags(),
            )
        except FileNotFoundError as error:
            raise WorkFailedError(not_found(words[0])) from error
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the command or a setting
            raise WorkFailedError(launch_failure(error)) from error
    return LocalProcess(started, asyncio.get_running_loop())


def kill_group(group: int) -> None:
    """Kill every member of a process group and wait until none runs any more (POSIX)."""
    if sys.platform == "win32":
        return
    deadline = time.monotonic() + _PATIENCE
    quick = time.monotonic() + 10 * _STEP
    while True:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # none left; on macOS, only zombies left
            return
        if time.monotonic() > quick and not _group_runs(group):
            return
        if time.monotonic() > deadline:
            _LOG.warning("Process group %d does not end", group)
            return
        time.sleep(_STEP)


def end_orphans(known: Iterable[ProcessIdentity], root: Path) -> None:
    """End the sessions of `known` processes, and every process that belongs to a node below `root`.

    That is one whose environment names the node, and one that left its session and dropped its environment but
    writes into the node's folder or works in it (seen on Linux only). Killed until none is left, because one may start another meanwhile.
    """
    sessions = {identity.pid: identity for identity in known if _still_theirs(identity)}
    deadline = time.monotonic() + _PATIENCE
    while found := [process for process in psutil.process_iter() if _belongs(process, sessions, str(root))]:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if time.monotonic() > deadline:
            _LOG.warning("%d processes of an earlier life do not end", len(found))
            return
        time.sleep(_STEP)


def _still_theirs(identity: ProcessIdentity) -> bool:
    """Whether the id has not become another process's, so that a session of that number is the known one's."""
    return not psutil.pid_exists(identity.pid) or identity.running() is not None


def _belongs(process: psutil.Process, sessions: dict[int, ProcessIdentity], root: str) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        if sys.platform != "win32":
            identity = sessions.get(os.getsid(process.pid))
            if identity is not None and process.create_time() >= identity.create_time - 1:
                return True
    except (psutil.Error, OSError):
        return False
    for look in (_named_node, _working_directory, _output, _errors):
        with contextlib.suppress(psutil.Error, OSError):
            place = look(process)
            if place == root or place.startswith(root + os.sep):
                return True
    return False


def _named_node(process: psutil.Process) -> str:
    return process.environ().get("AZ_BATCH_NODE_ROOT_DIR", "")


def _working_directory(process: psutil.Process) -> str:
    """Where a process works that has no terminal: someone who looks around in a node's folder has one (Linux)."""
    fields = (_PROC / str(process.pid) / "stat").read_text().rpartition(")")[2].split()
    return process.cwd() if fields[_TERMINAL] == "0" else ""


def _output(process: psutil.Process) -> str:
    return str((_PROC / str(process.pid) / "fd" / "1").readlink())


def _errors(process: psutil.Process) -> str:
    return str((_PROC / str(process.pid) / "fd" / "2").readlink())


def _group_runs(group: int) -> bool:
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(OSError):
            if process.info["status"] != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == group:
                return True
    return False


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _identity(pid: int) -> ProcessIdentity:
    try:
        return ProcessIdentity.of(pid)
    except psutil.Error:
        return ProcessIdentity(pid, time.time())


def _exit_code(code: int) -> int:
    if sys.platform == "win32":
        return code - 2**32 if code >= 2**31 else code
    return 128 - code if code < 0 else code


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0

"""A command line without a shell: split as the system's programs do, its program found on the node's PATH."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from local_azure.batch.failure import Failure
from local_azure.batch.runner import WorkFailedError

_WINDOWS = sys.platform == "win32"


def split(command_line: str, *, windows: bool = _WINDOWS) -> list[str]:
    """The words of a command line; WorkFailedError (CommandLaunchFailed) when it can't be split or is empty."""
    try:
        words = _split_windows(command_line) if windows else shlex.split(command_line)
    except ValueError as error:
        raise WorkFailedError(_launch_failure(f"The command line can't be read: {error}")) from error
    if not words:
        raise WorkFailedError(_launch_failure("The command line is empty"))
    return words


def _split_windows(line: str) -> list[str]:
    """Microsoft's rules for argv: 2n backslashes before a quote are n, an odd one more makes the quote plain."""
    words: list[str] = []
    word: str | None = None
    quoted, at = False, 0
    while at < len(line):
        letter = line[at]
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        if slashes:
            at += slashes
            before_quote = line[at : at + 1] == '"'
            word = (word or "") + "\\" * (slashes // 2 if before_quote else slashes)
            if before_quote and slashes % 2:
                word, at = word + '"', at + 1
        elif letter == '"':
            doubled = quoted and line[at + 1 : at + 2] == '"'
            word = (word or "") + ('"' if doubled else "")
            quoted, at = quoted if doubled else not quoted, at + (2 if doubled else 1)
        elif letter in " \t" and not quoted:
            words, word, at = words if word is None else [*words, word], None, at + 1
        else:
            word, at = (word or "") + letter, at + 1
    return words if word is None else [*words, word]


def find_program(word: str, directory: Path, search_path: str) -> str:
    """The program's full path: looked up in `search_path`, or from `directory` when the word holds a slash.

    WorkFailedError: CommandProgramNotFound when there is none, CommandLaunchFailed when it isn't executable.
    """
    if os.sep in word or (os.altsep and os.altsep in word):
        place = directory / word
        found = shutil.which(str(place))
        if found is None and place.is_file():
            raise WorkFailedError(_launch_failure(f"{word} is not executable"))
    else:
        found = shutil.which(word, path=search_path)
    if found is None:
        raise WorkFailedError(not_found(word))
    return found


def not_found(word: str) -> Failure:
    """The failure of a program that isn't there."""
    return Failure(
        "CommandProgramNotFound",
        "The specified command program is not found",
        (("Message", f"The program {word} was not found on the node"),),
    )


def _launch_failure(reason: str) -> Failure:
    return Failure(
        "CommandLaunchFailed", "The specified command program failed to launch", (("Message", reason),)
    )


def launch_failure(error: OSError | ValueError) -> Failure:
    """The failure of a program that the system refused to start."""
    return _launch_failure((error.strerror if isinstance(error, OSError) else None) or str(error))

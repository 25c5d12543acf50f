"""DIR/log.txt: what the local cloud did, without keys and signatures."""

import logging
import re
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

_MOST_BYTES = 1_000_000
_OLD_FILES = 2
_SIGNATURE = re.compile(r"(\bsig=|SharedKey [\w-]+:)[^&\s\"']+", re.IGNORECASE)
_CHATTY = ("httpx", "httpcore", "urllib3", "azure", "asyncio", "uvicorn.access")


class _Redacted(logging.Formatter):
    """Takes keys and signatures out of the finished text, tracebacks included."""

    def __init__(self, secrets: Iterable[str]):
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = tuple(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        text = _SIGNATURE.sub(r"\1…", super().format(record))
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A log that can't be written, because the disk is full, hinders nothing: stderr is not for tracebacks."""


def set_up(data: Path) -> RotatingFileHandler:
    """Log to DIR/log.txt, rotated at 1 MB, and return the handler for `hide`."""
    handler = _File(data / "log.txt", maxBytes=_MOST_BYTES, backupCount=_OLD_FILES, encoding="utf-8")
    handler.setFormatter(_Redacted(()))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def hide(handler: RotatingFileHandler, secrets: Iterable[str]) -> None:
    """Keep these texts out of the log from now on."""
    handler.setFormatter(_Redacted(secrets))

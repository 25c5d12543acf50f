"""What strangers call their files and folders: shown in one line, and carried as a blob's metadata."""

import base64
import binascii
import re
import unicodedata

FOLDER_BYTES = 600  # of a folder, as UTF-8; a blob's metadata may have 8 KiB in all
_JOINERS = "\u200c\u200d"  # invisible, but Persian words and many emoji are others without them
_SPACES = "\t\n\v\f\r\x85\u2028\u2029"


def visible(text: str) -> str:
    """A stranger's text in one line: without control characters, marks that turn it round, or lone halves."""
    return "".join(" " if c in _SPACES else c for c in text if c in _SPACES or _is_visible(c))


def _is_visible(c: str) -> bool:
    if c in _JOINERS:
        return True
    if unicodedata.category(c) == "Cn":  # perhaps an emoji younger than this Python; never a noncharacter
        return not (0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE)
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")


def folder_of(text: str) -> str:
    """A stranger's folder ("trip/day 1"), shown as names are; nothing for what does not lead down, or is too long."""
    parts = [visible(part).strip() for part in text.split("/")]
    leads_out = {".", ".."} & set(re.split(r"[/\\]", "/".join(parts))) or re.fullmatch("[A-Za-z]:", parts[0])
    too_long = len(text.encode("utf-8", "replace")) > FOLDER_BYTES
    return "" if leads_out or too_long or not all(parts) else "/".join(parts)


def kept_folder(encoded: str) -> str:
    """The folder that a blob's metadata tells of, as `folder_of` lets it through; nothing where it can't be read."""
    try:
        return folder_of(decoded(encoded))
    except ValueError:
        return ""


def placed(folder: str, name: str) -> str:
    """A file's name with its folder, if it has one."""
    return f"{folder}/{name}" if folder else name


def encode_name(name: str) -> str:
    """A true name or folder as a blob's metadata holds it: base64url of UTF-8 without padding."""
    return base64.urlsafe_b64encode(name.encode("utf-8", "replace")).rstrip(b"=").decode()


def decoded(text: str) -> str:
    """Base64url, with or without padding, of UTF-8. Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not base64url of UTF-8") from error

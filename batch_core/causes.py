"""Why ffmpeg gave up, in plain words: a catalogue of what it writes when it does, the most telling first.

Its versions say one thing in different words, so a kind is known by any of them; tests make each for real with every
ffmpeg at hand. What no kind fits is told in ffmpeg's own last words.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

OTHER = "other"
_KILLED = range(129, 160)  # 128 and the signal's number, as shells and Batch tell it
_QUOTED, _TOLD = 200, 3  # characters of a line of ffmpeg's, and lines of what nobody has foreseen
_MAP = re.compile(
    r"(stream map|failed to set value) '\d+:(?P<kind>[avs])(:(?P<number>\d+))?\b", re.IGNORECASE
)
_TRACKS = {"a": "sound", "v": "moving picture", "s": "subtitles"}
_TRACK = {"a": "sound track", "v": "picture track", "s": "subtitle track"}
_HARMLESS = ("damaged", "nothing")  # ffmpeg goes on after it has said so
_SUMMARY = re.compile(  # what follows from a failure and tells nothing of it
    r"error (opening|parsing options for|initializing) (output|input)|conversion failed|task finished with error code"
    r"|terminating thread with return code|last message repeated|error sending frames to consumers"
    r"|error while opening encoder|could not open encoder before eof|nothing was written into output file"
    r"|error reinitializing filters|failed to inject frame into filter|error while processing the decoded data"
    r"|no filtered frames for output|frames left in the queue on closing|to ignore this, add a trailing"
    r"|decode error rate|supported sample rates:$|\]\s+\d+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Cause:
    """`words` tells of one file what was wrong, `way_out` what to do about it (may be empty).

    `line` is what ffmpeg said of it, empty when it said nothing. Files share a cause when `words` are the same.
    """

    kind: str
    words: str
    way_out: str
    line: str
    many: str = ""  # the words of several files, to go on after "3 files"


@dataclass(frozen=True)
class _Kind:
    """`said` finds ffmpeg's line; `words` may name what the pattern's group `name` has found."""

    id: str
    said: re.Pattern[str]
    words: str
    many: str
    way_out: str


def _kind(id: str, said: str, words: str, many: str, way_out: str) -> _Kind:
    return _Kind(id, re.compile(said, re.IGNORECASE), words, many, way_out)


_NEWER = "Choose another conversion, or a pool whose start task installs a newer ffmpeg."
_KINDS = (
    _kind(
        "disk-full",
        r"no space left on device|disk quota exceeded|not enough space on the disk",
        "The node's disk was full.",
        "were stopped because the node's disk was full.",
        "Try again on a pool with larger disks, or with fewer tasks on a node at once.",
    ),
    _kind(
        "memory",
        r"cannot allocate memory|out of memory|std::bad_alloc",
        "The node's memory was used up.",
        "were stopped because the node's memory was used up.",
        "Try again on a pool with a larger VM size, or make a smaller picture of it.",
    ),
    _kind(
        "outside",
        r"not on whitelist",
        "It points at other files or addresses, which a conversion does not open.",
        "point at other files or addresses, which a conversion does not open.",
        "Put what it needs into one file, and add that.",
    ),
    _kind(
        "no-stream",
        r"matches no streams|does not contain any stream",
        "It has no track of the kind that this conversion needs.",
        "have no track of the kind that this conversion needs.",
        "Choose another conversion: one for sound needs sound, one for video a moving picture.",
    ),
    _kind(
        "too-large",
        r"exceeds specified max pixel count",
        "Its picture is larger than what a conversion may open.",
        "have a larger picture than what a conversion may open.",
        "Make it smaller with another program first.",
    ),
    _kind(
        "encoder",
        r"unknown encoder '(?P<name>[\w-]{1,40})'|automatic encoder selection failed",
        "The node's ffmpeg does not have the encoder {name}.",
        "need the encoder {name}, which the node's ffmpeg does not have.",
        _NEWER,
    ),
    _kind(
        "filter",
        r"no such filter: '(?P<name>[\w-]{1,40})'",
        "The node's ffmpeg does not have the filter {name}.",
        "need the filter {name}, which the node's ffmpeg does not have.",
        _NEWER,
    ),
    _kind(
        "option",
        r"unrecognized option '(?P<name>[\w:-]{1,40})'",
        "The node's ffmpeg does not know the option {name}.",
        "need the option {name}, which the node's ffmpeg does not know.",
        _NEWER,
    ),
    _kind(
        "decoder",
        r"no decoder found for|decoder \(codec [^)]{1,40}\) not found",
        "It is encoded in a way that the node's ffmpeg can't read.",
        "are encoded in a way that the node's ffmpeg can't read.",
        "Convert it with the program or camera software that it came from, and add the result.",
    ),
    _kind(
        "dimensions",
        r"(width|height) not divisible by|width and height must be|picture size of \S+ is not valid",
        "Its width and height do not suit the encoder, which takes even numbers only.",
        "have a width and height that do not suit the encoder, which takes even numbers only.",
        "Choose a conversion that sets the picture's size, such as MP4 720p.",
    ),
    _kind(
        "pixels",
        r"unknown pixel format|pixel format \S+ is (invalid|not supported)|profile doesn't support",
        "Its colours are stored in a way that the encoder does not take.",
        "have their colours stored in a way that the encoder does not take.",
        "Choose another conversion, such as MP4 720p.",
    ),
    _kind(
        "subtitles",
        r"subtitle encoding currently only possible",
        "Its subtitles are pictures and can't become text, or text and can't become pictures.",
        "have subtitles that are pictures and can't become text, or text and can't become pictures.",
        "Choose a conversion without subtitles.",
    ),
    _kind(
        "container",
        r"could not find tag for codec|not currently supported in container|does not support any stream of type"
        r"|unsupported codec id|are supported for WebM|have exactly one stream",
        "What is in it can't be put into a file of the kind that was asked for.",
        "hold what can't be put into a file of the kind that was asked for.",
        "Choose another conversion.",
    ),
    _kind(
        "damaged",
        r"moov atom not found|ended prematurely|invalid data found|invalid nal unit|error while decoding stream|partial file"
        r"|header parsing failed|error splitting the input",
        "It is damaged, or only a part of a file.",
        "are damaged, or only parts of files.",
        "Copy it once more from where it came, and add it again.",
    ),
    _kind(
        "nothing",
        r"nothing was encoded|received no packets",
        "Nothing was left to convert: the part that was chosen lies outside of it.",
        "had nothing left to convert: the part that was chosen lies outside of them.",
        "Choose a part that lies within its length.",
    ),
)
_CHECKS = {
    "shorter": (
        "Its result is shorter than it should be.",
        "became shorter than they should be.",
        "Play it beside its original: if that ends early as well, copy the original once more from where it came.",
    ),
    "longer": (
        "Its result is longer than it should be.",
        "became longer than they should be.",
        "Try it again with another conversion.",
    ),
    "too-large": (
        "Its result is larger than was asked for.",
        "became larger than was asked for.",
        "Convert a shorter part, or choose a conversion with a larger size.",
    ),
    "pictures": (
        "Its result has another number of pictures than it should have.",
        "became another number of pictures than they should have.",
        "Try it again.",
    ),
    "unplayable": (
        "Its result does not play to its end.",
        "became results that do not play to their end.",
        "Try it again, or with another conversion.",
    ),
}
_KILL = Cause(
    "killed",
    "The conversion was ended from outside: by the node's system, for want of memory, or by a person.",
    "Try again; if it happens once more, on a pool with a larger VM size.",
    "",
    "were ended from outside: by the node's system, for want of memory, or by a person.",
)


def cause(log: str, exit_code: int | None, made: str = "the conversion") -> Cause:
    """Why a conversion failed, by the end of its log: the last lines that ffmpeg wrote, without secrets. `made` is
    the name of the conversion."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [place for place, line in enumerate(lines) if not _SUMMARY.search(line)][-_TOLD:]
    not_these = _HARMLESS if exit_code in _KILLED else ("nothing",) if exit_code and telling else ()
    if known := _known(lines, lines[telling[0] :] if telling else lines, not_these):
        return _missing(lines, known, made) if known.kind == "no-stream" else known
    if exit_code in _KILLED:
        return _KILL
    if last := [lines[place][:_QUOTED] for place in telling] or lines[:1]:
        return Cause(OTHER, f"ffmpeg gave up and said: “{plain(last[-1])}”", "", "\n".join(last))
    return Cause(OTHER, f"ffmpeg ended with exit code {exit_code} and said nothing.", "", "")


def flawed(flaw: str, log: str, hurt: str) -> Cause:
    """Why a result failed its check though its task ended well, without numbers: files share it.

    `flaw` is what the check found, "unplayable" of what does not decode; `hurt` tells of a damaged source.
    """
    lines = [line.strip() for line in log.splitlines()]
    if known := _known(lines, lines):
        return known
    if hurt:
        kind = next(kind for kind in _KINDS if kind.id == "damaged")
        return Cause(kind.id, kind.words, kind.way_out, hurt, kind.many)
    words, many, way_out = _CHECKS[flaw]
    return Cause(flaw, words, way_out, "", many)


def read(found: Any) -> Cause:
    """A cause as it was stored. Raises KeyError or TypeError for what is none."""
    kind, words, way_out, line = (str(found[name])[:700] for name in ("kind", "words", "way_out", "line"))
    return Cause(kind, words, way_out, line, str(found.get("many", ""))[:700])


def _known(lines: list[str], end: list[str], not_these: tuple[str, ...] = ()) -> Cause | None:
    """The first kind of the catalogue that a log tells of; what may mean no harm counts at its `end` only."""
    for kind in _KINDS:
        if kind.id in not_these:
            continue
        for line in end if kind.id in _HARMLESS else lines:
            if found := kind.said.search(line):
                many = _named(kind.many, found)
                return Cause(kind.id, _named(kind.words, found), kind.way_out, line[:_QUOTED], many)
    return None


def _missing(lines: list[str], known: Cause, made: str) -> Cause:
    """What kind of track is missing, by the one that the command asked for."""
    asked = next(((line, found) for line in lines if (found := _MAP.search(line))), None)
    if asked is None:
        return known
    line, found = asked
    kind, number = found["kind"].lower(), int(found["number"] or 0)
    lacks = f"no {_TRACKS[kind]}" if not number else f"no {_TRACK[kind]} {number + 1}"
    needs = f": {made} needs {'one' if kind == 'v' else 'some'}." if not number else ", which was asked for."
    said = "\n".join(dict.fromkeys((known.line, line[:_QUOTED])))
    return replace(known, words=f"It has {lacks}{needs}", many=f"have {lacks}{needs}", line=said)


def _named(words: str, found: re.Match[str]) -> str:
    name = found.groupdict().get("name")
    return words.format(name=f"“{name}”" if name else "that was asked for")


def plain(line: str) -> str:
    """A line without ffmpeg's addresses in memory, which differ from file to file."""
    return re.sub(r"^(\[[^\]]*\] *)+", "", line)[:_QUOTED]

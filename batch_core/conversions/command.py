"""The command line that makes a conversion of a file.

It holds no text of a user: numbers that were checked, words from the table, an expert's arguments as `expert` lets
them through, and file names of its own making. It uses only characters that POSIX and Windows split alike.
"""

import math

from batch_core.conversions import expert, tracks
from batch_core.conversions.budget import BUFFER, Budget, budget
from batch_core.conversions.options import Options, check_options, only_taken, seconds_of
from batch_core.conversions.recipe import Conversion, Dial
from batch_core.conversions.refusals import EVERY, refused
from batch_core.errors import InvalidInput
from batch_core.probe import Probe, Stream
from batch_core.probe_child import FORMATS, MOST_PIXELS

_ONLY = ["-sn", "-dn"]
_NO_CHAPTERS = ["-map_chapters", "-1"]
NUMBERED = "output-"  # of several pictures; their numbers have four digits
_DEEPEST = ("pcm_f64", "pcm_f32", "pcm_s32")  # 24 bits do not hold them
_HDR = {"pq": "smpte2084", "hlg": "arib-std-b67"}


def command_line(
    wanted: Conversion, options: Options, probe: Probe, *, sample_of: Options | None = None
) -> str:
    """The task's command line, run without a shell in a folder with `input.<ext>`.

    Writes `output.<ext>` (of several pictures `output-0001.<ext>` and so on) and `progress.txt` there. A sample is as
    good as the whole that the options `sample_of` would make. Raises InvalidInput when the file can't become that.
    """
    options = only_taken(wanted, options)
    if probe.ok and (probe.format, probe.extension) not in FORMATS.values():
        raise InvalidInput(f"{wanted.label} can't be made of this file.")
    check_options(options, probe.duration)
    if why := refused(wanted, probe, options):
        raise InvalidInput(why)
    late = ["-ss", _seconds(options.start)] if options.start else []
    late += ["-t", _seconds(options.end - (options.start or 0.0))] if options.end is not None else []
    if wanted.result == "picture" and not wanted.recipe.pictures and not late:
        late = _some_way_in(probe.duration)
    burned = wanted.id == "burned"  # the filter needs the source's own times, so the part is cut afterwards
    words = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning", "-y"]
    words += ["-progress", "progress.txt", "-protocol_whitelist", "file", "-f", probe.format]
    if probe.has_video:
        words += ["-max_pixels", str(MOST_PIXELS)]  # also of pictures that grow on the way
    words += [] if burned else late
    words += ["-i", f"input.{probe.extension}"]
    words += late if burned else []
    if wanted.group == "Expert":
        words += expert.parse(options.arguments).split(" ") if options.arguments else []
    else:
        words += _streams(wanted, options, probe, only_taken(wanted, sample_of or options))
    words += wanted.recipe.muxer
    stem = f"{NUMBERED}%04d" if wanted.result == "pictures" else "output"
    return " ".join([*words, f"{stem}.{wanted.extension}"])


def _some_way_in(duration: float | None) -> list[str]:
    """A tenth of the way in there is more to see than at the start; short films are looked at from their start."""
    return ["-ss", _seconds(duration / 10)] if duration and duration >= 5 else []


def _streams(wanted: Conversion, options: Options, probe: Probe, whole: Options) -> list[str]:
    if wanted.result == "subtitles":
        return ["-map", f"0:s:{tracks.subtitle(probe, options)}"]
    seconds = seconds_of(whole, probe.duration)
    fitting = budget(wanted.most_bytes, seconds) if wanted.most_bytes and seconds is not None else None
    words: list[str] = ["-map", "0:V:0"] if wanted.recipe.video else []  # V leaves out cover pictures
    if wanted.recipe.sound and probe.has_audio:
        words += _sound(wanted, options, probe, fitting)
    words += [] if wanted.recipe.video else ["-vn"]
    words += [] if wanted.recipe.sound else ["-an"]
    words += _ONLY
    # Those after a part's end would stay, and make the result as long as they are.
    whole_file = not options.start and options.end is None
    words += [] if wanted.recipe.chapters and whole_file else _NO_CHAPTERS
    return words + (_picture(wanted, options, probe, fitting) if wanted.recipe.video else [])


def _sound(wanted: Conversion, options: Options, probe: Probe, fitting: Budget | None) -> list[str]:
    recipe, streams = wanted.recipe, tracks.of_kind(probe, "audio")
    first = tracks.sound(probe, options)
    if recipe.all_tracks and options.audio is None:
        taken = [number for number, stream in enumerate(streams) if stream.readable]
    else:
        taken = [first or 0]
    words = [word for number in taken for word in ("-map", f"0:a:{number}")]
    most = max(streams[number].channels or 0 for number in taken)
    if most > recipe.channels:
        words += ["-ac", str(recipe.channels)]
    filters = [f"volume={options.volume}dB"] if options.volume else []
    filters += [recipe.sound_filter] if recipe.sound_filter else []
    words += ["-af", ",".join(filters)] if filters else []
    words += _samples(recipe.sound, [streams[number] for number in taken])
    if fitting:
        return [*words, "-b:a", f"{fitting.sound}k"]
    if recipe.sound_dial:
        words += _dialled(recipe.sound_dial, options, surround=min(most, recipe.channels) > 2)
    return words


def _samples(encoder: tuple[str, ...], sounds: list[Stream]) -> list[str]:
    """The encoder, with more than 16 bits a sample only for sounds that have them."""
    deep = any(tracks.has_deep_samples(sound) for sound in sounds)
    if encoder[1] == "pcm_s16le":
        same = next((kind for kind in _DEEPEST if any(s.codec.startswith(kind) for s in sounds)), None)
        return ["-c:a", f"{same}le" if same else "pcm_s24le" if deep else "pcm_s16le"]
    if encoder[1] == "flac":
        return [*encoder] if deep else [*encoder, "-sample_fmt", "s16"]
    return [*encoder]


def _dialled(dial: Dial, options: Options, *, surround: bool = False) -> list[str]:
    value: str = getattr(dial, options.quality)
    if surround and value.endswith("k"):
        value = f"{2 * int(value[:-1])}k"
    return [dial.option, value]


def _picture(wanted: Conversion, options: Options, probe: Probe, fitting: Budget | None) -> list[str]:
    recipe, source = wanted.recipe, tracks.picture(probe)
    filters = _filters(wanted, options, probe, fitting)
    words = ["-vf", ",".join(filters)] if filters else []
    deep = recipe.deep if source and (source.bits or 8) > 8 else ""
    words += ["-pix_fmt", deep or recipe.pixels] if recipe.pixels else []
    words += recipe.video
    if recipe.video_dial:
        words += _dialled(recipe.video_dial, options)
    if fitting:
        words += ["-maxrate", f"{fitting.picture}k", "-bufsize", f"{fitting.picture * BUFFER}k"]
    return words


def _filters(wanted: Conversion, options: Options, probe: Probe, fitting: Budget | None) -> list[str]:
    recipe, source = wanted.recipe, tracks.picture(probe)
    filters = []
    if source and source.interlaced and wanted.group != "Editing":  # editors want what was recorded
        filters.append("bwdif=mode=send_frame:deint=interlaced")  # else movement would have combs on screens
    if wanted.id == "burned":
        filters.append(f"subtitles=input.{probe.extension}:si={tracks.subtitle(probe, options)}")
    if rate := _rate(wanted, options, probe, source):
        filters.append(rate)
    lines = options.lines or (fitting.lines if fitting else recipe.lines)
    if size := _size(source, lines, even=bool(recipe.pixels)):
        filters.append(f"scale={size}")
    if source and source.hdr in _HDR and not recipe.deep and not recipe.lossless:
        filters += _in_standard_range(_HDR[source.hdr])
        filters += (
            [] if recipe.pixels else ["format=yuv444p"]
        )  # else the next filter has its say in the colours
    return [*filters, *recipe.filters]


def _rate(wanted: Conversion, options: Options, probe: Probe, source: Stream | None) -> str | None:
    # Rounding up leaves one picture at least of the shortest film; of one that begins a moment after 0, from 0 on.
    seconds = seconds_of(options, probe.duration)
    if wanted.recipe.pictures and seconds:
        return f"fps={wanted.recipe.pictures / seconds:.6f}:round=up:start_time=0"
    if wanted.result == "pictures":
        return f"fps=1/{options.every or EVERY:g}:round=up:start_time=0"
    if options.fps:
        return f"fps={options.fps}:round=up"
    most, has = wanted.recipe.fps, source.fps if source else None
    return f"fps={most:g}:round=up" if most and (has is None or has > most) else None


def _in_standard_range(transfer: str) -> list[str]:
    """Brings HDR to what a picture of 8 bits can show; without it, it would look grey."""
    return [
        f"zscale=tin={transfer}:pin=2020:min=2020_ncl:rin=limited:t=linear:npl=100",
        "format=gbrpf32le,zscale=p=709,tonemap=tonemap=hable:desat=0",
        "zscale=t=709:m=709:r=limited",
    ]


def _size(source: Stream | None, lines: int | None, *, even: bool) -> str | None:
    """Width and height for the scale filter: within so many lines of 16:9 either way up, never larger."""
    if source is None:
        return f"-2:{lines}" if lines else None
    width, height = source.width or 2, source.height or 2
    long = math.ceil(lines * 16 / 9 / 2) * 2 if lines else max(width, height)
    factor = min(1.0, long / max(width, height), (lines or height) / min(width, height)) if lines else 1.0
    fitted = (_even(width * factor), _even(height * factor))
    if lines or (even and fitted != (width, height)):
        return f"{fitted[0]}:{fitted[1]}"
    return None


def _even(length: float) -> int:
    return max(2, int(length / 2 + 1e-6) * 2)


def _seconds(value: float) -> str:
    return f"{value:.3f}"

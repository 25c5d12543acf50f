"""An expert's own ffmpeg arguments: taken word by word from lists, everything else is refused with its reason.

What is let through names no file, no address and no command, and needs no quoting on any system. Files are read by
`-i`, by options such as -attach or -filter_complex_script, by encoders' own parameters (x264-params stats=…), and by
filters (movie, subtitles, lut3d, drawtext, …): none of them is in these lists.
"""

import re
import shlex

from batch_core.errors import InvalidInput

MOST_SIDE = 8192  # pixels
MOST_RATE = 240  # pictures a second
_NUMBER = r"-?\d{1,9}(\.\d{1,6})?"
_RATE = r"\d{1,9}(\.\d{1,3})?[kKM]?"
_WORD = r"[A-Za-z0-9_]{1,32}"
_TIME = r"\d{1,6}(\.\d{1,6})?|(\d{1,2}:)?\d{1,2}:\d{2}(\.\d{1,6})?"
_RATIO = r"\d{1,6}(\.\d{1,3})?([/:]\d{1,6})?"
_ENCODERS = {
    "a": "aac|ac3|alac|copy|eac3|flac|libmp3lame|libopus|libvorbis|pcm_s16le|pcm_s24le|pcm_f32le",
    "s": "ass|copy|mov_text|srt|subrip|webvtt",
    "v": "copy|dnxhd|ffv1|gif|libaom-av1|libsvtav1|libvpx|libvpx-vp9|libwebp|libwebp_anim|libx264|libx265|mjpeg|mpeg2video|mpeg4|png|prores_ks",
}
_FLAGS = frozenset({"an", "vn", "sn", "dn", "shortest"})
_VALUES: dict[str, str] = {
    **dict.fromkeys(("b", "maxrate", "minrate", "bufsize"), _RATE),
    **dict.fromkeys(("crf", "q", "qscale", "qmin", "qmax", "g", "bf", "refs", "keyint_min", "sc_threshold"), _NUMBER),
    **dict.fromkeys(("ac", "ar", "cutoff", "compression_level", "cpu-used", "row-mt", "level", "slices"), _NUMBER),
    **dict.fromkeys(("slicecrc", "lossless", "loop", "id3v2_version", "write_xing", "aq-mode", "tile-columns"), _NUMBER),
    **dict.fromkeys(("preset", "tune", "profile", "pix_fmt", "sample_fmt", "deadline", "application", "vbr"), _WORD),
    **dict.fromkeys(("color_primaries", "color_trc", "colorspace", "color_range", "field_order", "fps_mode"), _WORD),
    **dict.fromkeys(("t", "ss", "to"), _TIME),
    **dict.fromkeys(("r", "aspect"), _RATIO),
    "frames": r"\d{1,6}",
    "c": "copy",
    "s": r"\d{1,4}x\d{1,4}",
    "tag": r"[A-Za-z0-9]{4}",
    "map": r"-?0(:[vVas])?(:\d{1,2})?",
    "map_metadata": "-1|0",
    "map_chapters": "-1|0",
    "movflags": r"\+?(faststart|frag_keyframe|empty_moov|use_metadata_tags)(\+(faststart|frag_keyframe|empty_moov))*",
    "strict": r"-?\d|experimental|unofficial|normal",
    "disposition": "default|0",
}  # fmt: skip
_ALIASES = {"vcodec": "c:v", "acodec": "c:a", "scodec": "c:s", "codec": "c", "ab": "b:a", "vb": "b:v"}
_FILES = frozenset({
    "i", "attach", "dump_attachment", "filter_script", "filter_complex_script", "passlogfile", "vstats",
    "vstats_file", "report", "progress", "fpre", "vpre", "apre", "spre", "sdp_file", "stats_enc_pre",
    "stats_enc_post", "stats_mux_pre", "x264-params", "x265-params", "x264opts", "svtav1-params", "stats",
    "init_hw_device", "filter_hw_device", "cpuflags", "map_channel", "metadata", "streamid", "program",
})  # fmt: skip
_SEVERAL = frozenset({"filter_complex", "lavfi"})

# filter -> how many values may stand without a name, and the names that may be given
_VIDEO: dict[str, tuple[int, str]] = {
    "scale": (2, "w h width height flags force_original_aspect_ratio force_divisible_by in_range out_range"),
    "crop": (4, "w h x y out_w out_h exact keep_aspect"),
    "pad": (5, "w h x y width height color"),
    "fps": (1, "fps round"),
    "transpose": (1, "dir passthrough"),
    "hflip": (0, ""),
    "vflip": (0, ""),
    "yadif": (3, "mode parity deint"),
    "bwdif": (3, "mode parity deint"),
    "hqdn3d": (4, "luma_spatial chroma_spatial luma_tmp chroma_tmp"),
    "unsharp": (6, "lx ly la cx cy ca"),
    "gblur": (1, "sigma steps"),
    "eq": (0, "brightness contrast saturation gamma gamma_r gamma_g gamma_b"),
    "hue": (0, "h s b"),
    "format": (1, "pix_fmts"),
    "setsar": (1, "sar r ratio"),
    "setdar": (1, "dar r ratio"),
    "setpts": (1, "expr"),
    "fade": (0, "t type st start_time d duration n nb_frames s start_frame c color alpha"),
    "framestep": (1, "step"),
    "deband": (0, "range r blur b coupling c"),
    "negate": (0, ""),
    "tonemap": (1, "tonemap param desat peak"),
    "zscale": (0, "w h t m p r tin min pin rin npl dither filter"),
    "elbg": (0, "l n pal8 codebook_length nb_steps"),
    "null": (0, ""),
}
_AUDIO: dict[str, tuple[int, str]] = {
    "volume": (1, "volume precision"),
    "loudnorm": (0, "I i LRA lra TP tp linear dual_mono"),
    "dynaudnorm": (0, "f g p m r b"),
    "acompressor": (0, "threshold ratio attack release makeup knee mix level_in"),
    "alimiter": (0, "limit attack release level level_in level_out"),
    "highpass": (0, "f frequency p poles"),
    "lowpass": (0, "f frequency p poles"),
    "equalizer": (0, "f frequency t width_type w width g gain"),
    "bass": (0, "g gain f frequency w width"),
    "treble": (0, "g gain f frequency w width"),
    "afade": (0, "t type st start_time d duration ns nb_samples curve"),
    "atempo": (1, "tempo"),
    "aresample": (1, "sample_rate osr"),
    "aformat": (0, "sample_fmts sample_rates channel_layouts"),
    "afftdn": (0, "nr nf tn"),
    "silenceremove": (0, "start_periods start_duration start_threshold stop_periods stop_duration stop_threshold"),
    "anull": (0, ""),
}  # fmt: skip
_READERS = frozenset({
    "movie", "amovie", "subtitles", "ass", "concat", "sendcmd", "asendcmd", "zmq", "azmq", "lut3d", "lut1d",
    "haldclut", "drawtext", "removelogo", "deshake", "vidstabdetect", "vidstabtransform", "metadata",
    "ametadata", "signature", "libvmaf", "psnr", "ssim", "frei0r", "ladspa", "lv2", "sofalizer", "afir",
    "arnndn", "dnn_processing", "sr", "derain", "ocr", "curves", "coreimage", "find_rect", "cover_rect",
    "program_opencl",
})  # fmt: skip
_LONGER = ("setpts", "atempo", "silenceremove", "framestep")
_VALUE = re.compile(
    r"[A-Za-z0-9_.+-]{1,32}|-?\d{1,6}(\.\d{1,6})?/\d{1,6}|(iw|ih|in_w|in_h)/\d{1,3}|PTS/\d{1,3}(\.\d{1,3})?",
    re.ASCII,
)
_SIDES = {
    filter: frozenset({"", "w", "h", "width", "height", "x", "y", "out_w", "out_h"})
    for filter in ("scale", "pad", "zscale", "crop")
}
# A number, or the source's own width or height as it is, a part of it or less: no sum and no 9e4 grows beyond the most.
_SIDE = re.compile(r"-?\d{1,4}|[A-Za-z_]{1,32}(/[1-9]\d{0,2}|-(\d{1,4}|[A-Za-z_]{1,16}))?", re.ASCII)
_PICTURES = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?:[/:](\d{1,6}))?|[A-Za-z_]{1,32}", re.ASCII)
_OPTION = re.compile(r"-([A-Za-z0-9_-]+)((?::[vVas])?(?::\d{1,2})?)", re.ASCII)


def parse(typed: str) -> str:
    """The arguments as they go into a command line. Raises InvalidInput with what is refused, and why."""
    try:
        words = shlex.split(typed)
    except ValueError:
        raise InvalidInput("The arguments have a quotation mark too many or too few.") from None
    if len(typed) > 2000 or len(words) > 100:
        raise InvalidInput("These are too many arguments: 100 at most, with 2,000 characters.")
    if not words:
        raise InvalidInput(
            "There are no arguments yet.", "Type some, such as: -c:v libx264 -crf 20 -c:a copy"
        )
    taken: list[str] = []
    rest = iter(words)
    for word in rest:
        taken.append(word)
        name = _name(word)
        if name in _FLAGS:
            continue
        value = next(rest, None)
        if value is None:
            raise InvalidInput(f"{word} needs a value after it.")
        _check(word, name, value)
        taken.append(value)
    return " ".join(taken)


def changes_length(arguments: str) -> bool:
    """Whether a result's length does not follow from its source's any more."""
    words = arguments.split(" ")
    cut = {"-t", "-ss", "-to", "-shortest", "-r"} & set(words)
    return bool(cut) or any(w.startswith("-frames") for w in words) or any(f in arguments for f in _LONGER)


def _name(word: str) -> str:
    """The option that a word is, with its kind of stream for encoders and filters. Raises InvalidInput."""
    if not word.startswith("-") or word == "-":
        raise InvalidInput(
            f"“{_short(word)}” is no option: a file or an address can't be named here.",
            "The input is always the video, and the result is named by the app.",
        )
    match = _OPTION.fullmatch(word)
    base = match[1] if match else re.split(r"[:=/ ]", word[1:])[0]
    if base in _FILES:
        raise InvalidInput(f"-{base} can't be taken: it can read or write files, or bring text along.")
    if base in _SEVERAL:
        raise InvalidInput(
            f"-{base} can't be taken: filters that join inputs can read files. Use -vf and -af."
        )
    if base == "f":
        raise InvalidInput(
            "-f can't be taken: the container is chosen above, so that nothing else is written."
        )
    if match is None:
        raise InvalidInput(f"{_short(word)} can't be taken: it is not on the list of options.")
    base, specifier = _ALIASES.get(base, base), match[2]
    if ":" in base:
        base, specifier = base.split(":")[0], f":{base.split(':')[1]}"
    if base == "c" and specifier[1:2] in ("v", "V", "a", "s"):
        return f"c:{specifier[1].lower()}"
    if base in ("vf", "af") and not specifier:
        return base
    if base == "filter" and specifier[1:2] in ("v", "V", "a"):
        return f"{specifier[1].lower()}f"
    if base in _VALUES or (base in _FLAGS and not specifier):
        return base
    raise InvalidInput(f"-{_short(base)} can't be taken: it is not on the list of options.")


def _check(word: str, name: str, value: str) -> None:
    if name in ("vf", "af"):
        for part in value.split(","):
            _check_filter(part, _VIDEO if name == "vf" else _AUDIO)
        return
    pattern = _ENCODERS[name[2:]] if name.startswith("c:") else _VALUES[name]
    if not re.fullmatch(pattern, value, re.ASCII):
        what = (
            f"an encoder that is known here ({pattern.replace('|', ', ')})"
            if name.startswith("c:")
            else "a value that it takes"
        )
        raise InvalidInput(f"{word} can't be set to “{_short(value)}”: it is not {what}.")
    if name == "s" and max(map(int, value.split("x"))) > MOST_SIDE:
        raise InvalidInput(f"A picture is at most {MOST_SIDE} wide and high.")
    if name == "r":
        _check_rate(value)


def _check_filter(text: str, known: dict[str, tuple[int, str]]) -> None:
    name, _, arguments = text.partition("=")
    if name in _READERS:
        raise InvalidInput(f"The filter {name} can't be taken: it can read or write files, or take commands.")
    if name not in known:
        raise InvalidInput(
            f"The filter “{_short(name)}” can't be taken: it is not on the list.",
            f"These are: {', '.join(known)}.",
        )
    unnamed, names = known[name]
    for part in arguments.split(":") if arguments else ():
        key, equals, value = part.rpartition("=")
        if equals and key not in names.split():
            raise InvalidInput(f"The filter {name} can't be given “{_short(key)}”.")
        unnamed -= not equals
        if unnamed < 0 and not equals:
            raise InvalidInput(f"The filter {name} takes no more values without a name.")
        if not _VALUE.fullmatch(value):
            raise InvalidInput(f"The filter {name} can't be set to “{_short(value)}”.")
        if key in _SIDES.get(name, ()):
            _check_side(value)
        if name == "fps" and key in ("", "fps"):
            _check_rate(value)


def _check_side(value: str) -> None:
    if not _SIDE.fullmatch(value) or (value.isdigit() and int(value) > MOST_SIDE):
        raise InvalidInput(
            f"A picture is at most {MOST_SIDE} wide and high: “{_short(value)}” may be more.",
            "Give a number, or a part of the source's width or height, such as iw/2.",
        )


def _check_rate(value: str) -> None:
    match = _PICTURES.fullmatch(value)
    if match and match[1]:
        pictures, of = float(match[1]), float(match[2] or 1)
        match = match if of and pictures / of <= MOST_RATE else None
    if match is None:
        raise InvalidInput(f"A film has at most {MOST_RATE} pictures a second.")


def _short(word: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in word)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"

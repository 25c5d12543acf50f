"""Everything that a file can become, as data: one row a conversion, read by `command` to write its command line.

Only encoders, muxers and filters that both ffmpeg 5.1 (as Linux distributions package it) and the current one have.
"""

from batch_core.conversions.recipe import Conversion, Dial, Recipe, Taken
from batch_core.errors import NotFound

MOST_PICTURES = 1000  # of one file
GRID = 4  # rows and columns of a contact sheet
_SOUND: tuple[Taken, ...] = ("quality", "part", "audio", "volume")
_FILM: tuple[Taken, ...] = ("quality", "part", "fps", "audio", "volume")
_SIZED: tuple[Taken, ...] = (*_FILM, "size")


_MP4 = ("-movflags", "faststart", "-f", "mp4")
_AAC, _AAC_RATE = ("-c:a", "aac"), Dial("-b:a", "96k", "160k", "256k")
_X264 = ("-c:v", "libx264", "-preset", "fast")
_X264_CRF = Dial("-crf", "28", "23", "18")
_JPEG = ("-c:v", "mjpeg")
_JPEG_Q = Dial("-q:v", "8", "4", "2")
_PCM = ("-c:a", "pcm_s16le")
_LAME, _VBR = ("-c:a", "libmp3lame"), Dial("-q:a", "5", "2", "0")  # about 130, 190, 245 kbit/s in stereo


def _h264(lines: int, fps: float | None = None, *, chapters: bool = True) -> Recipe:
    return Recipe(
        _MP4, _AAC, _AAC_RATE, video=_X264, video_dial=_X264_CRF, pixels="yuv420p", lines=lines, fps=fps,
        chapters=chapters,
    )  # fmt: skip


def _still(*filters: str, lines: int, one: bool = True, pictures: int | None = None) -> Recipe:
    muxer = ("-frames:v", "1", "-update", "1") if one else ("-frames:v", str(MOST_PICTURES))
    return Recipe(
        (*muxer, "-f", "image2"), video=_JPEG, video_dial=_JPEG_Q, pixels="yuvj420p", filters=filters, lines=lines,
        pictures=pictures,
    )  # fmt: skip


_STEREO = "Sound in stereo; pictures, covers, chapters and subtitles are left out."
_PICTURE_AND_STEREO = (
    "Picture up to {} lines, stereo sound, chapters of whole files; other tracks and subtitles are left out."
)
_SECONDS = "Seconds for an hour of sound."

CONVERSIONS: tuple[Conversion, ...] = (
    Conversion(
        "mp3", "MP3", "Audio", "sound only, plays everywhere", "mp3", "audio", "music_note", "audio/mpeg",
        Recipe(("-id3v2_version", "3", "-f", "mp3"), _LAME, _VBR), _STEREO, _SECONDS, _SOUND,
    ),
    Conversion(
        "m4a", "M4A", "Audio", "sound only, smaller at the same quality", "m4a", "audio", "headphones", "audio/mp4",
        Recipe(("-movflags", "faststart", "-f", "ipod"), _AAC, _AAC_RATE, chapters=True),
        "Sound in stereo, chapters of whole files; pictures, covers and subtitles are left out.", _SECONDS, _SOUND,
    ),
    Conversion(
        "podcast", "Podcast", "Audio", "MP3 with even loudness, for speech", "mp3", "audio", "podcasts", "audio/mpeg",
        Recipe(
            ("-ar", "44100", "-id3v2_version", "3", "-f", "mp3"), _LAME, Dial("-q:a", "6", "4", "2"),
            sound_filter="loudnorm=I=-16:TP=-1.5:LRA=11",
        ),
        "Sound in stereo, brought to the loudness that podcasts have (-16 LUFS).", "A minute or two for an hour.",
        ("quality", "part", "audio"),
    ),
    Conversion(
        "opus", "Opus", "Audio", "the smallest good sound, for current players", "opus", "audio", "graphic_eq",
        "audio/ogg", Recipe(("-f", "opus"), ("-c:a", "libopus"), Dial("-b:a", "64k", "112k", "192k")), _STEREO,
        _SECONDS, _SOUND,
    ),
    Conversion(
        "flac", "FLAC", "Audio", "sound without any loss, for archives", "flac", "audio", "album", "audio/flac",
        Recipe(("-f", "flac"), ("-c:a", "flac"), channels=8), "All channels, every sample of up to 24 bits.",
        _SECONDS,
        ("part", "audio", "volume"),
    ),
    Conversion(
        "wav", "WAV", "Audio", "plain sound for editors; large", "wav", "audio", "waves", "audio/wav",
        Recipe(("-rf64", "auto", "-f", "wav"), _PCM, channels=8), "All channels; PCM stays sample for sample.",
        _SECONDS,
        ("part", "audio", "volume"),
    ),
    Conversion(
        "mp4-1080p", "MP4 1080p", "Web and social", "plays on every screen, 1080 lines at most", "mp4", "video",
        "movie", "video/mp4", _h264(1080), _PICTURE_AND_STEREO.format(1080), "Up to twice as long as it plays.", _FILM,
    ),
    Conversion(
        "mp4-720p", "MP4 720p", "Web and social", "plays on every screen, 720 lines at most", "mp4", "video", "movie",
        "video/mp4", _h264(720), _PICTURE_AND_STEREO.format(720), "About as long as it plays.", _FILM,
    ),
    Conversion(
        "mp4-480p", "MP4 480p", "Web and social", "small enough for slow networks", "mp4", "video", "movie",
        "video/mp4", _h264(480), _PICTURE_AND_STEREO.format(480), "Half as long as it plays.", _FILM,
    ),
    Conversion(
        "mp4-25mb", "MP4 up to 25 MB", "Web and social", "fits in mails and chats that take 25 MB", "mp4", "video",
        "attach_email", "video/mp4", _h264(1080, fps=30, chapters=False), "Picture and stereo sound, as large and good as 25 MB allow; no chapters.",
        "Up to twice as long as it plays.", ("part", "audio", "volume"), most_bytes=25_000_000, becomes="MP4 of up to 25 MB",
    ),
    Conversion(
        "mp4-10mb", "MP4 up to 10 MB", "Web and social", "fits in chats that take 10 MB", "mp4", "video",
        "attach_email", "video/mp4", _h264(1080, fps=30, chapters=False), "Picture and stereo sound, as large and good as 10 MB allow; no chapters.",
        "Up to twice as long as it plays.", ("part", "audio", "volume"), most_bytes=10_000_000, becomes="MP4 of up to 10 MB",
    ),
    Conversion(
        "webm", "WebM", "Web and social", "for web pages: VP9 and Opus", "webm", "video", "public", "video/webm",
        Recipe(
            ("-f", "webm"), ("-c:a", "libopus"), Dial("-b:a", "64k", "112k", "192k"),
            video=("-c:v", "libvpx-vp9", "-b:v", "0", "-row-mt", "1", "-deadline", "good", "-cpu-used", "4"),
            video_dial=Dial("-crf", "40", "33", "26"), pixels="yuv420p", lines=1080,
        ),
        "Picture up to 1080 lines, stereo sound; chapters, other tracks and subtitles are left out.",
        "Several times as long as it plays.", _SIZED,
    ),
    Conversion(
        "gif", "GIF", "Web and social", "a short silent loop that shows everywhere", "gif", "video", "gif_box",
        "image/gif",
        Recipe(
            ("-loop", "0", "-f", "gif"), video=("-c:v", "gif"), lines=270, fps=12,
            filters=("elbg=l=256:pal8=1",),
        ),
        "Picture in 256 colours, 12 a second; no sound.", "Some seconds for each second.", ("part", "size", "fps"),
        result="animation", longest=60,
    ),
    Conversion(
        "webp", "Animated WebP", "Web and social", "a short silent loop, far smaller than a GIF", "webp", "video",
        "animated_images", "image/webp",
        Recipe(
            ("-loop", "0", "-f", "webp"), video=("-c:v", "libwebp_anim"),
            video_dial=Dial("-q:v", "50", "75", "90"), pixels="yuv420p", lines=480, fps=15,
        ),
        "Picture in all colours, 15 a second; no sound.", "A second or two for each second.",
        ("quality", "part", "size", "fps"), result="animation", longest=120,
    ),
    Conversion(
        "hevc", "MP4 HEVC", "Smaller file", "about half of H.264's size; most devices since 2017", "mp4", "video",
        "compress", "video/mp4",
        Recipe(
            _MP4, _AAC, _AAC_RATE, channels=6,
            video=("-c:v", "libx265", "-preset", "fast", "-tag:v", "hvc1", "-x265-params", "log-level=warning"),
            video_dial=Dial("-crf", "30", "26", "21"), pixels="yuv420p", deep="yuv420p10le",
            chapters=True,
        ),
        "Size of the picture, 10 bits and HDR, sound up to 5.1, chapters of whole files.", "Several times as long as it plays.", _SIZED,
    ),
    Conversion(
        "av1", "MP4 AV1", "Smaller file", "the smallest; current browsers and phones", "mp4", "video", "compress",
        "video/mp4",
        Recipe(
            _MP4, _AAC, _AAC_RATE, channels=6, video=("-c:v", "libsvtav1", "-preset", "8"),
            video_dial=Dial("-crf", "44", "35", "27"), pixels="yuv420p", deep="yuv420p10le",
            chapters=True,
        ),
        "Size of the picture, 10 bits and HDR, sound up to 5.1, chapters of whole files.", "Several times as long as it plays.", _SIZED,
        smallest=(64, 64),
    ),
    Conversion(
        "prores", "ProRes", "Editing", "for Final Cut, Premiere, Resolve; very large", "mov", "video", "movie_edit",
        "video/quicktime",
        Recipe(
            ("-f", "mov"), _PCM, channels=6, video=("-c:v", "prores_ks", "-vendor", "apl0"),
            video_dial=Dial("-profile:v", "0", "2", "3"), pixels="yuv422p10le", deep="yuv422p10le",
        ),
        "Size of the picture in 10 bits, sound up to 5.1.", "About as long as it plays.", _SIZED,
    ),
    Conversion(
        "dnxhr", "DNxHR", "Editing", "for Avid and Resolve; very large", "mov", "video", "movie_edit",
        "video/quicktime",
        Recipe(
            ("-f", "mov"), _PCM, channels=6, video=("-c:v", "dnxhd"),
            video_dial=Dial("-profile:v", "dnxhr_lb", "dnxhr_sq", "dnxhr_hq"), pixels="yuv422p",
        ),
        "Size of the picture in 8 bits, sound up to 5.1.", "Half as long as it plays.", _SIZED,
        smallest=(256, 120),
    ),
    Conversion(
        "ffv1", "FFV1", "Editing", "picture and sound without any loss, for archives", "mkv", "video", "archive",
        "video/x-matroska",
        Recipe(
            ("-f", "matroska"), ("-c:a", "flac"), channels=8, all_tracks=True,
            video=("-c:v", "ffv1", "-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1"),
            lossless=True, chapters=True,
        ),
        "Every pixel, all sound tracks, every sample of up to 24 bits, chapters of whole files.", "About as long as it plays.", ("part", "audio"),
    ),
    Conversion(
        "thumbnail", "Thumbnail", "Pictures", "one telling picture as JPEG", "jpg", "video", "image", "image/jpeg",
        _still("thumbnail=50", lines=1080), "One picture, of 1080 lines at most.", "Seconds.",
        ("quality", "part", "size"), result="picture", becomes="a thumbnail each",
    ),
    Conversion(
        "sheet", "Contact sheet", "Pictures", "16 moments on one JPEG", "jpg", "video", "grid_view", "image/jpeg",
        _still(f"tile={GRID}x{GRID}:margin=8:padding=8:color=white", lines=180, pictures=GRID * GRID),
        "16 small pictures, evenly over its length.", "A tenth of its length.", ("quality", "part", "size"),
        result="picture", becomes="a contact sheet each",
    ),
    Conversion(
        "frames", "Frames", "Pictures", "a JPEG every few seconds, in a folder", "jpg", "video",
        "burst_mode", "image/jpeg", _still(one=False, lines=1080),
        f"Pictures of 1080 lines at most, {MOST_PICTURES:,} at most.", "A tenth of its length.",
        ("quality", "part", "size", "every"), result="pictures", becomes="pictures",
    ),
    Conversion(
        "subtitles", "Subtitles as text", "Subtitles", "takes subtitles out, as SRT", "srt", "subtitles", "subtitles",
        "application/x-subrip", Recipe(("-c:s", "srt", "-f", "srt")),
        "Words and times of one track; no colours or places.", "Seconds.", ("subtitle",), result="subtitles",
        becomes="subtitles in a text file",
    ),
    Conversion(
        "burned", "Subtitles in the picture", "Subtitles", "burns them in: visible in every player", "mp4",
        "subtitles", "closed_caption", "video/mp4", _h264(1080),
        _PICTURE_AND_STEREO.format(1080).replace("; other tracks and subtitles", ", one subtitle track; others"),
        "Up to twice as long as it plays.", (*_SIZED, "subtitle"), becomes="MP4 with subtitles in the picture",
    ),
)  # fmt: skip


def _expert(extension: str, label: str, content_type: str, muxer: tuple[str, ...]) -> Conversion:
    return Conversion(
        f"expert-{extension}", f"{label} (own arguments)", "Expert", "what your arguments say", extension, "any",
        "terminal", content_type, Recipe(muxer), "What your arguments keep.", "What your arguments cost.", (),
    )  # fmt: skip


EXPERT: tuple[Conversion, ...] = (
    _expert("mp4", "MP4", "video/mp4", _MP4),
    _expert("mkv", "Matroska", "video/x-matroska", ("-f", "matroska")),
    _expert("mov", "QuickTime", "video/quicktime", ("-f", "mov")),
    _expert("webm", "WebM", "video/webm", ("-f", "webm")),
    _expert("mp3", "MP3", "audio/mpeg", ("-f", "mp3")),
    _expert("m4a", "M4A", "audio/mp4", ("-movflags", "faststart", "-f", "ipod")),
    _expert("opus", "Opus", "audio/ogg", ("-f", "opus")),
    _expert("flac", "FLAC", "audio/flac", ("-f", "flac")),
    _expert("wav", "WAV", "audio/wav", ("-rf64", "auto", "-f", "wav")),
)
_ALL = {row.id: row for row in (*CONVERSIONS, *EXPERT)}


def conversion(id: str) -> Conversion:
    """The conversion with this id, also one for own arguments. Raises NotFound."""
    if id not in _ALL:
        raise NotFound(
            "This conversion does not exist (any more).", "Choose another one on the Convert page."
        )
    return _ALL[id]


def content_type(id: str) -> str:
    """What a conversion's results are to a browser; also for one that this version does not know."""
    return _ALL[id].content_type if id in _ALL else "application/octet-stream"

"""An expert's own arguments: what is let through works, everything that reaches further is refused with a reason."""

import shlex
from pathlib import Path

import pytest

from batch_core.conversions import EXPERT, Options, command_line, conversion
from batch_core.conversions.expert import parse
from batch_core.errors import InvalidInput
from batch_core.probe import Probe, Stream, probe
from tests.core.media import clip
from tests.core.shapes import convert, judged

FILM = Probe(
    True, "", "mov", "mp4", 10.0, (Stream("video", "h264", 64, 64), Stream("audio", "aac", channels=2))
)
GOOD = [
    "-c:v libx264 -preset slow -crf 20 -c:a copy",
    "-map 0:v:0 -map 0:a -c copy -movflags +faststart",
    "-vf scale=1280:-2:flags=lanczos,fps=30000/1001,eq=contrast=1.1:gamma=0.9 -an",
    "-filter:v crop=640:360:0:0,hflip -c:v:0 libx265 -tag:v hvc1 -b:v 2.5M",
    '-af "volume=-6dB,loudnorm=I=-16:TP=-1.5:LRA=11" -vn -b:a 96k',
    "-ss 1:30 -t 0:10 -r 25 -s 640x360 -aspect 16:9 -pix_fmt yuv420p -profile:v high -level 4.1",
    "-vf scale=iw/2:-2,crop=iw-10:ih:5:0,pad=1280:720:ow-iw:0:black,fps=ntsc -r 30000/1001",
    "-vcodec libx264 -acodec aac -ab 128k -shortest -vf setpts=PTS/2 -map_metadata -1",
]
BAD = [
    ("-i /etc/passwd", "-i can't be taken"), ("-i http://a/b", "-i can't be taken"), ("/etc/passwd", "is no option"),
    ("http://169.254.169.254/", "is no option"), ("out.mp4", "is no option"), ("-c copy ../x.mp4", "is no option"),
    ("-f tee", "-f can't be taken"), ("-f segment", "-f can't be taken"), ("-f lavfi", "-f can't be taken"),
    ("-attach x.ttf", "-attach can't be taken"), ("-dump_attachment:t:0 x", "-dump_attachment can't be taken"),
    ("-filter_script:v x", "-filter_script can't be taken"), ("-filter_complex_script x", "can't be taken"),
    ("-filter_complex movie=x", "-filter_complex can't be taken"), ("-lavfi amovie=x", "-lavfi can't be taken"),
    ("-vf movie=/etc/passwd", "The filter movie can't"), ("-vf subtitles=/etc/passwd", "The filter subtitles can't"),
    ("-vf ass=x", "The filter ass can't"), ("-vf lut3d=file=x.cube", "The filter lut3d can't"),
    ("-vf drawtext=textfile=/etc/passwd", "The filter drawtext can't"), ("-vf drawtext=fontfile=x", "drawtext can't"),
    ("-vf sendcmd=f=x", "The filter sendcmd can't"), ("-af amovie=x", "The filter amovie can't"),
    ("-vf scale=640:360,movie=x", "The filter movie can't"), ("-vf metadata=print:file=x", "metadata can't"),
    ("-af ametadata=mode=print:file=x", "ametadata can't"), ("-vf curves=psfile=x", "curves can't"),
    ("-vf deshake=filename=x", "deshake can't"), ("-vf zmq", "zmq can't"), ("-vf concat", "concat can't"),
    ("-vf frei0r=x", "frei0r can't"), ("-af ladspa=x", "ladspa can't"), ("-vf libvmaf=log_path=x", "libvmaf can't"),
    ("-vf [in]scale=1:1[out]", "is not on the list"), ("-vf scale@x=1:1", "is not on the list"),
    ("-vf scale=1:1;movie=x", "can't be given"), ("-vf scale=w=$(id)", "can't be set to"),
    ("-vf eq=eval=frame", "can't be given"), ("-vf scale=/etc/passwd:1", "can't be set to"),
    ("-vf scale=20000:-2", "at most 8192"), ("-s 9000x10", "at most 8192"),
    ("-vf scale=+90000:+90000", "at most 8192"), ("-vf scale=9e4:9e4", "at most 8192"), ("-vf scale=w=8193:h=2", "at most 8192"),
    ("-vf pad=iw+90000:ih", "at most 8192"), ("-vf pad=w=iw+iw+iw:h=ih", "at most 8192"), ("-vf zscale=w=90000/1:h=2", "at most 8192"),
    ("-vf scale=-90000:2", "at most 8192"), ("-vf scale=0x7fff:2", "at most 8192"), ("-vf fps=99999999", "at most 240 pictures"),
    ("-vf fps=fps=90000/1", "at most 240 pictures"), ("-vf fps=1e9", "at most 240 pictures"), ("-vf fps=25/0", "at most 240 pictures"),
    ("-r 99999", "at most 240 pictures"), ("-af loudnorm=x.log", "without a name"),
    ("-af loudnorm=stats_file=x", "can't be given"), ("-vf setpts=RANDOM(0)*9", "can't be set to"),
    ("-/vf x", "is not on the list"), ("-vf/x y", "is not on the list"), ("-c:v h264_v4l2m2m", "is not an encoder"),
    ("-c:v libx264;id", "is not an encoder"), ("-x264-params stats=/tmp/x", "-x264-params can't"),
    ("-passlogfile x", "-passlogfile can't"), ("-pass 2", "is not on the list"), ("-vstats_file x", "can't be taken"),
    ("-fpre x", "-fpre can't be taken"), ("-report", "-report can't be taken"), ("-metadata title=x", "can't be taken"),
    ("-map_metadata 1", "can't be set to"), ("-map 1:0", "can't be set to"), ("-map [x]", "can't be set to"),
    ("-protocol_whitelist file,http", "is not on the list"), ("-progress http://a", "-progress can't be taken"),
    ("-y", "is not on the list"), ("-stream_loop -1", "is not on the list"), ("-init_hw_device x", "can't be taken"),
    ("-crf", "needs a value"), ("-crf 1\n2", "is no option"), ("-crf '1 2'", "can't be set to"), ("-b:v 1M%PATH%", "can't"),
    ("-preset ../../x", "can't be set to"), ("-tag:v ..//", "can't be set to"), ("-c:a 'x", "quotation mark"),
    ("-pix_fmt yuv420p\u202e", "can't be set to"), ("-crf １８", "can't be set to"), ("", "no arguments yet"), ("-", "is no option"),
    ("-an " * 101, "too many"), ("--", "can't be taken"), ("-dn:v", "can't be taken"), ("-:v 1", "can't be taken"),
]  # fmt: skip


@pytest.mark.parametrize("typed", GOOD)
def test_what_is_on_the_lists_is_taken_word_by_word(typed: str) -> None:
    taken = parse(typed)
    assert taken.split(" ") == shlex.split(typed)
    assert parse(taken) == taken
    line = command_line(conversion("expert-mp4"), Options(arguments=taken), FILM)
    assert f" -i input.mp4 {taken} -movflags faststart -f mp4 output.mp4" in line
    assert not set(line) & set("\"'\\%^&|<>$`*?!;()\t\n~#{}[]")


@pytest.mark.parametrize(("typed", "reason"), BAD)
def test_what_reaches_further_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(typed)
    assert reason in refused.value.user_message
    assert refused.value.user_message.endswith(".")
    with pytest.raises(InvalidInput):
        command_line(conversion("expert-mp4"), Options(arguments=typed or "x"), FILM)


def test_arguments_go_into_expert_commands_only() -> None:
    line = command_line(conversion("mp3"), Options(arguments="-i /etc/passwd"), FILM)
    assert "passwd" not in line


def test_they_do_what_they_say(tool: str, tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", 1, "256x144")
    found = probe(source, source.stat().st_size)
    arguments = parse(
        "-vf scale=128:-2:flags=lanczos,eq=contrast=1.1,fade=t=in:d=0.2 -c:v libx264 -crf 30 -af volume=-6dB,highpass=f=80"
    )
    options = Options(arguments=arguments)
    (made,) = convert(tool, source, found, conversion("expert-mp4"), options, tmp_path / "task")
    assert judged(made) == (True, pytest.approx(1, abs=0.1), "")
    assert probe(made, made.stat().st_size).picture == "128 × 72"


def test_every_container_has_a_command() -> None:
    for made in EXPERT:
        assert command_line(made, Options(arguments="-c:a copy -vn"), FILM).endswith(
            f"output.{made.extension}"
        )

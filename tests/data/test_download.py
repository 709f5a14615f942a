"""Downloads: resumed where they were cut, checked, whole or not there; archives that stay in their folder."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile

import pytest

from seglib.data.download import TRIES, download, download_and_extract, extract
from tests.data.tiny import md5, tar_of, zip_of

DATA = bytes(range(256)) * 400


def names(folder):
    """What lies in a folder, but for the locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_download_writes_the_file_and_nothing_else(server, tmp_path):
    path = tmp_path / "new" / "data.bin"
    url = server.put("data.bin", DATA)
    assert download(url, path, md5=md5(DATA), sha256=hashlib.sha256(DATA).hexdigest(), progress=False) == path
    assert path.read_bytes() == DATA
    assert names(path.parent) == ["data.bin"]


def test_download_of_a_file_that_is_there_asks_nobody(server, tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(DATA)
    download(server.url("data.bin"), path, md5=md5(DATA).upper(), progress=False)
    assert server.requests == []
    with pytest.raises(ValueError, match=rf"data.bin has the md5 {md5(DATA)}, not 00ff; delete it"):
        download(server.url("data.bin"), path, md5="00FF", progress=False)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("chunked", [False, True])
def test_cut_connection_goes_on_at_the_byte_where_it_was_cut(server, tmp_path, chunked):
    server.cuts, server.chunked = [1000, 70_000], chunked
    path = download(server.put("data.bin", DATA), tmp_path / "data.bin", md5=md5(DATA), progress=False)
    assert path.read_bytes() == DATA
    assert server.requests == [
        ("data.bin", None, 1000),
        ("data.bin", "bytes=1000-", 70_000),
        ("data.bin", "bytes=71000-", len(DATA) - 71_000),
    ]


def test_next_call_goes_on_where_the_last_gave_up(server, tmp_path):
    path, url = tmp_path / "data.bin", server.put("data.bin", DATA)
    server.cuts = [100] * TRIES
    with pytest.raises(
        RuntimeError, match=r"data.bin could not be downloaded from http.*ended after 500 bytes of 102,4"
    ):
        download(url, path, md5=md5(DATA), progress=False)
    assert names(tmp_path) == ["data.bin.part", "data.bin.part.tag"]
    download(url, path, md5=md5(DATA), progress=False)
    assert server.requests[-1] == ("data.bin", "bytes=500-", len(DATA) - 500)
    assert path.read_bytes() == DATA
    assert names(tmp_path) == ["data.bin"]


def test_server_without_range_starts_again(server, tmp_path):
    server.ranges, server.cuts = False, [1000]
    path = download(server.put("data.bin", DATA), tmp_path / "data.bin", md5=md5(DATA), progress=False)
    assert [sent for _, _, sent in server.requests] == [1000, len(DATA)]
    assert path.read_bytes() == DATA


def test_server_without_any_mark_of_its_version_starts_again(server, tmp_path):
    server.mark, server.cuts = None, [1000]
    path = download(server.put("data.bin", DATA), tmp_path / "data.bin", progress=False)
    assert [wanted for _, wanted, _ in server.requests] == [None, None]
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("mark", ["ETag", "Last-Modified"])
def test_file_that_changed_between_calls_is_not_spliced(server, tmp_path, mark):
    server.mark = mark
    path, url = tmp_path / "data.bin", server.put("data.bin", DATA)
    server.cuts = [100] * TRIES
    with pytest.raises(RuntimeError):
        download(url, path, progress=False)
    server.put("data.bin", DATA[::-1])
    download(url, path, progress=False)
    assert path.read_bytes() == DATA[::-1]
    assert server.requests[-1] == ("data.bin", f"bytes={100 * TRIES}-", len(DATA))


@pytest.mark.parametrize("extra", [0, 7])
def test_part_that_is_complete_or_too_long_is_settled(server, tmp_path, extra):
    path, url = tmp_path / "data.bin", server.put("data.bin", DATA)
    (tmp_path / "data.bin.part").write_bytes(DATA + b"x" * extra)
    (tmp_path / "data.bin.part.tag").write_text(f'"{md5(DATA)}"')
    download(url, path, md5=md5(DATA), progress=False)
    assert path.read_bytes() == DATA
    assert len(server.requests) == (2 if extra else 1)


def test_answer_without_length_is_taken_as_it_is(server, tmp_path):
    server.length = False
    path = download(server.put("data.bin", DATA), tmp_path / "data.bin", md5=md5(DATA), progress=False)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("digest", ["md5", "sha256"])
def test_wrong_digest_names_both_and_removes_the_part(server, tmp_path, digest):
    url = server.put("data.bin", DATA)
    found = hashlib.new(digest, DATA).hexdigest()
    with pytest.raises(ValueError, match=f"{url} sent has the {digest} {found}, not abc, and was removed"):
        download(url, tmp_path / "data.bin", **{digest: "abc"}, progress=False)
    assert names(tmp_path) == []


def test_missing_address_names_address_file_and_the_way_by_hand(server, tmp_path):
    with pytest.raises(
        RuntimeError, match=rf"x.tar could not be downloaded from {server.url('x.tar')} \(HTTP Error 404.*save"
    ):
        download(server.url("x.tar"), tmp_path / "x.tar", progress=False)


def test_nobody_at_the_address_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(RuntimeError, match=r"could not be downloaded from http://127.0.0.1:9/x.*refused"):
        download("http://127.0.0.1:9/x", tmp_path / "x", progress=False)


def test_address_of_a_local_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no address of http"):
        download("file:///etc/hostname", tmp_path / "x")


def test_progress_bar_counts_the_bytes_that_were_there(server, tmp_path, capsys):
    server.cuts = [51_200]
    download(server.put("data.bin", DATA), tmp_path / "data.bin")
    shown = capsys.readouterr().err
    assert "data.bin:  50%" in shown
    assert "data.bin: 100%" in shown


# Archives


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "source"
    (folder / "deep" / "empty").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text("a")
    (folder / "b.bin").write_bytes(DATA)
    return folder


def archive_of(tree, kind):
    return zip_of(tree, "top") if kind == "zip" else tar_of(tree, "top", mode=f"w:{kind}")


@pytest.mark.parametrize("kind", ["", "gz", "xz", "bz2", "zip"])
def test_extract_unpacks_each_format(tree, tmp_path, kind):
    archive = tmp_path / "archive"
    archive.write_bytes(archive_of(tree, kind))
    out = extract(archive, tmp_path / "out", inside="top", progress=False)
    assert (out / "deep" / "a.txt").read_text() == "a"
    assert (out / "b.bin").read_bytes() == DATA
    assert (out / "deep" / "empty").is_dir()
    assert names(tmp_path) == ["archive", "out", "source"]


def test_extract_takes_only_what_is_inside(tree, tmp_path):
    archive = tmp_path / "archive.tar"
    archive.write_bytes(tar_of(tree, "."))
    assert names(extract(archive, tmp_path / "one", inside="deep", progress=False)) == ["a.txt", "empty"]
    assert names(extract(archive, tmp_path / "all", progress=False)) == ["b.bin", "deep"]
    with pytest.raises(ValueError, match=r"archive.tar has no files in VOCdevkit"):
        extract(archive, tmp_path / "none", inside="VOCdevkit", progress=False)


def test_extract_leaves_a_folder_that_is_there(tmp_path):
    (tmp_path / "out").mkdir()
    assert extract(tmp_path / "no archive", tmp_path / "out") == tmp_path / "out"


def evil_tar(name="x", **fields):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        good = tarfile.TarInfo("good.txt")
        good.size = 4
        tar.addfile(good, io.BytesIO(b"good"))
        member = tarfile.TarInfo(name)
        for field, value in fields.items():
            setattr(member, field, value)
        tar.addfile(member)
    return buffer.getvalue()


def evil_zip(name="x", mode=0o100644, flags=0):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("good.txt", "good")
        member = zipfile.ZipInfo(name)
        member.create_system, member.external_attr = 3, mode << 16
        zipped.writestr(member, "/etc")
        member.flag_bits |= flags
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (evil_tar("../evil.txt"), "leads out of the folder"),
        (evil_tar("a/../../evil.txt"), "leads out of the folder"),
        (evil_tar("/evil.txt"), "is an absolute path"),
        (evil_tar("..\\evil.txt"), "leads out of the folder"),
        (evil_tar("C:\\evil.txt"), "is an absolute path"),
        (evil_tar("C:evil.txt"), "is an absolute path"),
        (evil_tar(type=tarfile.SYMTYPE, linkname="../.."), r"is a symbolic link to \.\./\.\."),
        (evil_tar(type=tarfile.SYMTYPE, linkname="/etc"), "is a symbolic link to /etc"),
        (evil_tar(type=tarfile.LNKTYPE, linkname="../secret"), "is a hard link to ../secret"),
        (evil_tar(type=tarfile.CHRTYPE), "is a device or pipe"),
        (evil_tar(type=tarfile.FIFOTYPE), "is a device or pipe"),
        (evil_zip("../evil.txt"), "leads out of the folder"),
        (evil_zip("/evil.txt"), "is an absolute path"),
        (evil_zip("\\\\host\\evil.txt"), "is an absolute path"),
        (evil_zip(mode=0o120777), "is a symbolic link"),
        (evil_zip(flags=1), "is encrypted"),
    ],
)
def test_evil_archive_is_refused_before_anything_is_written(tmp_path, data, problem):
    archive = tmp_path / "in" / "evil"
    archive.parent.mkdir()
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=rf"evil is not unpacked: its member .* {problem}"):
        extract(archive, tmp_path / "in" / "out", progress=False)
    assert names(tmp_path) == ["in"]
    assert names(archive.parent) == ["evil"]


@pytest.mark.parametrize("kind", ["gz", "xz", "zip"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99])
def test_broken_archive_is_named_and_leaves_nothing(tree, tmp_path, kind, share):
    (tree / "noise").write_bytes(os.urandom(50_000))  # so that the cut is within the data
    data = archive_of(tree, kind)
    archive = tmp_path / "cut"
    archive.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"cut is (broken|neither a tar).*delete it and download it again"):
        extract(archive, tmp_path / "out", progress=False)
    assert names(tmp_path) == ["cut", "source"]


def test_zip_with_a_flipped_byte_is_named(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("a.txt", "unmistakable")
    archive = tmp_path / "flipped.zip"
    archive.write_bytes(buffer.getvalue().replace(b"unmistakable", b"unmistakeble"))
    with pytest.raises(ValueError, match=r"flipped.zip is broken \(Bad CRC"):
        extract(archive, tmp_path / "out", progress=False)
    assert names(tmp_path) == ["flipped.zip"]


def test_check_that_fails_leaves_nothing(tree, tmp_path):
    archive = tmp_path / "archive"
    archive.write_bytes(tar_of(tree, "top"))

    def check(folder):
        assert (folder / "b.bin").exists()
        raise ValueError("not the right content")

    with pytest.raises(ValueError, match="not the right content"):
        extract(archive, tmp_path / "out", inside="top", check=check, progress=False)
    assert names(tmp_path) == ["archive", "source"]


KILLED = """
import os, shutil, signal, sys
from seglib.data import download
copy = shutil.copyfileobj
def copy_and_die(*arguments):
    copy(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
shutil.copyfileobj = copy_and_die
download.extract(sys.argv[1], sys.argv[2], progress=False)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_extraction_leaves_no_folder_and_the_next_one_works(tree, tmp_path):
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.write_bytes(tar_of(tree, "top"))
    killed = subprocess.run([sys.executable, "-c", KILLED, archive, out], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert (tmp_path / ".out.partial").is_dir()
    extract(archive, out, inside="top", progress=False)
    assert names(out) == ["b.bin", "deep"]
    assert names(tmp_path) == ["archive", "out", "source"]


def test_download_and_extract_removes_the_archive_and_works_once(server, tree, tmp_path):
    data = tar_of(tree, "top", mode="w:gz")
    url, archive = server.put("top.tar.gz", data), tmp_path / "top.tar.gz"

    def work():
        download_and_extract(url, tmp_path / "out", archive=archive, md5=md5(data), inside="top", progress=False)

    threads = [threading.Thread(target=work) for _ in range(4)]  # as the processes of one training run do
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1
    assert names(tmp_path) == ["out", "source"]
    assert names(tmp_path / "out") == ["b.bin", "deep"]

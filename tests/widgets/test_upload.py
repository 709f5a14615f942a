"""PhotoUpload with ipywidgets 7 and 8, in Colab and without a kernel."""

import io

import ipywidgets
import pytest
from PIL import Image

from seglib.widgets import PhotoUpload
from seglib.widgets.upload import MOST, read_photograph


def file(size=(30, 20), kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (255, 0, 51)).save(buffer, kind, **options)
    return buffer.getvalue()


def test_nothing_uploaded_is_none():
    assert PhotoUpload().photograph() is None


def test_uploaded_file_becomes_a_picture(monkeypatch):
    upload = PhotoUpload()
    for value in (
        {"a.png": {"content": file()}},
        ({"name": "a.png", "content": memoryview(file())},),
    ):  # ipywidgets 7, 8
        monkeypatch.setattr(PhotoUpload, "value", value)
        picture = upload.photograph()
        assert picture.shape == (3, 20, 30)
        assert [round(v, 2) for v in picture[:, 0, 0].tolist()] == [1, 0, 0.2]


def test_large_and_turned_photographs_are_made_small_and_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    picture = read_photograph(file((2 * MOST, MOST), "JPEG", exif=exif))
    assert picture.shape == (3, MOST, MOST // 2)


def test_what_is_no_picture_raises_and_says_what_to_give():
    with pytest.raises(ValueError, match="give a JPEG or a PNG"):
        read_photograph(b"no picture")


@pytest.mark.skipif(ipywidgets.__version__ < "8", reason="ipywidgets 7, as in Colab, makes no page without a kernel")
def test_page_without_a_kernel_says_so():
    data = PhotoUpload()._repr_mimebundle_()
    assert "needs a kernel" in data["text/html"]
    assert "0x" not in repr(PhotoUpload())


def test_colab_gets_the_button_alone(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "google.colab", object())
    assert "text/html" not in (PhotoUpload()._repr_mimebundle_() or {})

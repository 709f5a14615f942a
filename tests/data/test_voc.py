"""PASCAL VOC against torchvision's own reader, and the palette of its paper."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import VOCSegmentation
from torchvision.datasets.voc import DATASET_YEAR_DICT

from seglib.data.frequencies import class_frequencies
from seglib.data.pairs import Pairs
from seglib.data.voc import VOC, YEARS, palette
from tests.data.tiny import md5, tar_of, write_voc


@pytest.mark.parametrize(("split", "pairs"), [("train", 2), ("val", 1), ("trainval", 3)])
def test_voc_reads_what_torchvision_reads(tmp_path, split, pairs):
    write_voc(tmp_path)
    dataset = VOC(tmp_path, split)
    assert len(dataset) == pairs
    assert repr(dataset) == f"VOC(2012 {split}, {pairs} pictures, 21 classes)"
    theirs = VOCSegmentation(tmp_path, year="2012", image_set=split)
    for (image, target), (picture, mask) in zip(dataset, theirs, strict=True):
        assert image.dtype == torch.float32
        assert torch.equal(image.mul(255).round().byte(), torch.from_numpy(np.array(picture)).permute(2, 0, 1))
        assert torch.equal(target, torch.from_numpy(np.array(mask)).long())
        assert {0, 20, 255} <= set(target.unique().tolist())


def test_years_lie_where_their_archives_put_them(tmp_path):
    write_voc(tmp_path, base="TrainVal/VOCdevkit/VOC2011")
    write_voc(tmp_path, base="VOCdevkit/VOC2007")
    assert len(VOC(tmp_path, year="2011")) == len(VOC(tmp_path, "train", "2007")) == 2
    assert set(YEARS) <= DATASET_YEAR_DICT.keys()


def test_palette_is_that_of_the_paper():
    assert palette(6) == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128))
    assert palette(256)[255] == (224, 224, 192)  # the colour of outlines
    assert VOC.colours[20] == (0, 64, 128)
    assert len(VOC.classes) == len(VOC.colours) == 21
    assert VOC.classes[15] == "person"


def test_frequencies_do_not_count_outlines(tmp_path):
    write_voc(tmp_path)
    frequencies = class_frequencies(VOC(tmp_path))
    assert frequencies.shape == (21,)
    torch.testing.assert_close(
        frequencies[[0, 20]], torch.tensor([3 / 5, 1 / 5], dtype=torch.float64), atol=0.01, rtol=0
    )


def test_folder_of_pairs_is_read_with_the_classes_of_voc(tmp_path):
    folder = write_voc(tmp_path / "voc")
    for path in [*(folder / "JPEGImages").iterdir(), *(folder / "SegmentationClass").iterdir()]:
        path.rename(tmp_path / path.name)
    pairs = Pairs(tmp_path, classes=VOC.classes, colours=VOC.colours)
    assert len(pairs) == 3
    assert pairs[2][1].unique().tolist() == [0, 3, 20, 255]


# What is missing


def test_missing_voc_names_the_file_and_the_fix(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no VOC 2012 in .*train.txt\. Give download=True, or unpack http.*\.tar there"
    ):
        VOC(tmp_path)
    with pytest.raises(ValueError, match="no split 'test'; choose one of train, val, trainval"):
        VOC(tmp_path, "test")
    with pytest.raises(ValueError, match="no year '2013'"):
        VOC(tmp_path, year="2013")


def test_incomplete_voc_names_the_file_and_the_fix(tmp_path):
    folder = write_voc(tmp_path)
    (folder / "SegmentationClass" / "2007_000039.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"2007_000039.png is missing, and 0 more; .*train.txt names it; remove .*VOC2012"
    ):
        VOC(tmp_path)
    (folder / "ImageSets" / "Segmentation" / "train.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"VOC2012 is incomplete: remove it and give download=True"):
        VOC(tmp_path)


def test_mask_in_colours_is_named(tmp_path):
    folder = write_voc(tmp_path)
    path = folder / "SegmentationClass" / "2007_000032.png"
    with Image.open(path) as image:
        image.convert("RGB").save(path)
    with pytest.raises(ValueError, match=r"2007_000032.png is of mode RGB"):
        VOC(tmp_path)[0]


# Download


@pytest.fixture
def archive(server, tmp_path, monkeypatch):
    """A tiny VOC 2012 as torchvision would find it, served from here."""
    write_voc(tmp_path / "theirs")
    data = tar_of(tmp_path / "theirs" / "VOCdevkit", "VOCdevkit")
    url = server.put("voc2012/VOCtrainval_11-May-2012.tar", data)
    entry = DATASET_YEAR_DICT["2012"] | {"url": url, "md5": md5(data)}
    monkeypatch.setitem(DATASET_YEAR_DICT, "2012", entry)
    return data


def test_download_makes_voc_beside_another_year(archive, server, tmp_path):
    write_voc(tmp_path / "root", base="VOCdevkit/VOC2007")
    server.cuts = [len(archive) // 2]
    for _ in range(2):
        assert len(VOC(tmp_path / "root", "val", download=True)) == 1
    assert [wanted for _, wanted, _ in server.requests] == [None, f"bytes={len(archive) // 2}-"]
    left = sorted(path.relative_to(tmp_path / "root") for path in (tmp_path / "root").glob("*/*"))
    assert [path for path in left if path.suffix != ".lock"] == [Path("VOCdevkit/VOC2007"), Path("VOCdevkit/VOC2012")]
    assert not list((tmp_path / "root").glob("VOCtrainval*"))


def test_archive_that_was_fetched_by_hand_is_used(archive, server, tmp_path):
    (tmp_path / "VOCtrainval_11-May-2012.tar").write_bytes(archive)
    assert len(VOC(tmp_path, download=True)) == 2
    assert server.requests == []


def test_download_with_another_digest_is_refused(archive, monkeypatch, tmp_path):
    monkeypatch.setitem(DATASET_YEAR_DICT["2012"], "md5", "0" * 32)
    with pytest.raises(ValueError, match=rf"has the md5 {md5(archive)}, not 0000"):
        VOC(tmp_path / "root", download=True)
    assert not (tmp_path / "root" / "VOCdevkit" / "VOC2012").exists()


def test_download_of_what_is_there_writes_nothing(tmp_path):
    write_voc(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert len(VOC(tmp_path, download=True)) == 2
    assert sorted(tmp_path.rglob("*")) == before

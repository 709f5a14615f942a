"""Oxford-IIIT Pet against torchvision's own reader."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import OxfordIIITPet

from seglib.data.frequencies import median_frequency_weights
from seglib.data.pets import Pets
from tests.data.tiny import mask, md5, tar_of, write_pets


@pytest.mark.parametrize(("split", "pairs"), [("trainval", 2), ("test", 1)])
def test_pets_reads_what_torchvision_reads(tmp_path, split, pairs):
    write_pets(tmp_path)
    dataset = Pets(tmp_path, split)
    assert repr(dataset) == f"Pets({split}, {pairs} pictures, 2 classes)"
    assert len(dataset) == pairs
    theirs = OxfordIIITPet(tmp_path, split=split, target_types="segmentation")
    for (image, target), (picture, trimap) in zip(dataset, theirs, strict=True):
        assert torch.equal(image.mul(255).round().byte(), torch.from_numpy(np.array(picture)).permute(2, 0, 1))
        trimap = torch.from_numpy(np.array(trimap))
        assert target.dtype == torch.int64
        assert torch.equal(target == 1, trimap == 1)
        assert torch.equal(target == 0, trimap == 2)
        assert torch.equal(target == 255, trimap == 3)


def test_border_does_not_count(tmp_path):
    write_pets(tmp_path)
    dataset = Pets(tmp_path)
    assert dataset.ignore_index == 255
    assert dataset.classes == ("background", "pet")
    torch.testing.assert_close(median_frequency_weights(dataset), torch.ones(2), atol=0.05, rtol=0)


def test_missing_pets_name_the_folder_and_the_fix(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no Pets in .*images/ and annotations/test.txt. Give download=True, or unpack http"
    ):
        Pets(tmp_path, "test")
    with pytest.raises(ValueError, match="no split 'train'; choose one of trainval, test"):
        Pets(tmp_path, "train")


def test_incomplete_pets_name_the_file_and_the_fix(tmp_path):
    folder = write_pets(tmp_path)
    (folder / "images" / "beagle_1.jpg").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"beagle_1.jpg is missing, and 0 more; .*trainval.txt names it; remove"
    ):
        Pets(tmp_path)
    (folder / "annotations" / "trainval.txt").write_text("beagle_1\n")
    with pytest.raises(ValueError, match=r"trainval.txt cannot be read .*remove .*annotations and give download=True"):
        Pets(tmp_path)


def test_trimap_with_another_value_is_named(tmp_path):
    folder = write_pets(tmp_path)
    mask(0, [0, 1, 2]).save(folder / "annotations" / "trimaps" / "beagle_1.png")
    with pytest.raises(ValueError, match=r"beagle_1.png has pixels with the id 0, and masks of Pets have 1, 2, 3"):
        Pets(tmp_path)[1]


def test_picture_that_is_a_gif_in_truth_is_read(tmp_path):
    folder = write_pets(tmp_path)  # some of the real ones are
    Image.new("P", (16, 12)).save(folder / "images" / "beagle_1.jpg", format="GIF")
    assert Pets(tmp_path)[1][0].shape == (3, 12, 16)


def test_download_makes_pets(server, monkeypatch, tmp_path):
    folder = write_pets(tmp_path / "theirs")
    resources = []
    for name in ("images", "annotations"):
        data = tar_of(folder / name, name, mode="w:gz")
        resources.append((server.put(f"data/{name}.tar.gz", data), md5(data)))
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", tuple(resources))
    root = tmp_path / "root"
    for _ in range(2):
        assert len(Pets(root, "test", download=True)) == 1
    assert len(server.requests) == 2
    left = sorted(path.name for path in (root / "oxford-iiit-pet").iterdir() if path.suffix != ".lock")
    assert left == ["annotations", "images"]


def test_torchvision_still_names_two_archives_with_md5():
    (images, md5_of_images), (annotations, md5_of_annotations) = OxfordIIITPet._RESOURCES
    assert images.endswith("/images.tar.gz")
    assert annotations.endswith("/annotations.tar.gz")
    assert len(md5_of_images) == len(md5_of_annotations) == 32

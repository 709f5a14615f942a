"""The table of layers: order, fields, text and HTML."""

import math
from xml.etree import ElementTree

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglib.receptive_field import LayerRow, layer_table, receptive_field


class Net(nn.Module):
    """Modules and functional calls, a residual and a skip."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, (3, 5), padding=(1, 2))
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=2, dilation=2)
        self.up = nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
        self.score = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        h = F.max_pool2d(F.relu_(self.conv2(x)), 2)
        h = self.up(F.interpolate(h, scale_factor=2, mode="bilinear"))
        return self.score(torch.cat([x, h], dim=1) + 1)


@pytest.fixture
def table():
    return layer_table(Net().eval(), (3, 24, 32))


def test_rows_come_in_execution_order_with_the_functional_calls_between(table):
    names = [row.name for row in table]
    expected = ["conv1", "bn1", "conv2", "max_pool2d", "upsample_bilinear2d", "up", "cat", "score"]
    assert names == expected
    assert len(table) == 8


def test_row_has_the_kernel_of_its_own_layer_only(table):
    conv2 = table["conv2"]
    assert isinstance(conv2, LayerRow)
    assert (conv2.type, conv2.shape) == ("Conv2d", (8, 12, 16))
    assert (conv2.kernel, conv2.stride, conv2.dilation, conv2.padding) == ((3, 3), (2, 2), (2, 2), (2, 2))
    assert conv2.jump == (2, 2)
    assert conv2.sizes == ((7, 9),)
    assert table["bn1"].kernel is None
    assert table["bn1"].sizes == ((3, 5),)
    assert table["max_pool2d"].kernel == (2, 2)


def test_fields_are_those_of_the_layers_one_by_one(table):
    for row in table:
        if row.name in dict(Net().named_modules()):
            field = receptive_field(Net().eval(), (3, 24, 32), layer=row.name)
            assert (row.sizes, row.jump) == (field.sizes, field.stride)


def test_text_is_aligned(table):
    caption, head, *lines = str(table).splitlines()
    assert caption.startswith("Net on an image of 3 x 24 x 32")
    column = head.index("type")
    assert [line[column:].split()[0] for line in lines] == [row.type for row in table]
    assert all(line[column - 1] == " " for line in lines)


def test_html_is_an_accessible_table(table):
    root = ElementTree.fromstring(table._repr_html_())
    assert root.tag == "table"
    assert root.find("caption").text == table.caption
    assert [cell.get("scope") for cell in root.find("thead").iter("th")] == ["col"] * 9
    rows = root.find("tbody").findall("tr")
    assert [row.find("th").text for row in rows] == [row.name for row in table]
    assert all(row.find("th").get("scope") == "row" and len(row.findall("td")) == 8 for row in rows)


def test_whole_image_reads_as_all():
    table = layer_table(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), (3, 8, 8))
    assert table["0"].sizes == ((math.inf, math.inf),)
    assert str(table).count("all") == 3


def test_many_phases_are_shortened_in_text_only():
    model = nn.Sequential(nn.Conv2d(3, 3, 2, dilation=3, stride=3), nn.ConvTranspose2d(3, 3, (7, 4), (5, 3)))
    table = layer_table(model, (3, 40, 40))
    assert len(table["1"].sizes) > 1
    assert all(len(line) < 160 for line in str(table).splitlines())


def test_unknown_row_is_answered_with_the_names(table):
    with pytest.raises(KeyError, match="conv1, bn1"):
        table["conv9"]

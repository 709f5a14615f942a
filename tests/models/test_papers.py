"""Every network against its PAPER record, and the record against the layer-by-layer facts of the authors' releases.

`networks.json` was derived from the authors' own definitions; its `sources` say which file at which commit.
"""

import json
from pathlib import Path

import pytest
import torch

from seglib import models
from seglib.receptive_field import receptive_field
from tests.models.small import NAMES

FACTS = json.loads((Path(__file__).parent / "networks.json").read_text())["networks"]
# our name -> the name in the facts
FACT_OF = {
    "fcn32s": "fcn32s",
    "fcn16s": "fcn16s",
    "fcn8s": "fcn8s",
    "deconvnet": "deconvnet",
    "segnet": "segnet",
    "segnet_basic": "segnet_basic",
    "unet": "unet_paper",
    "fc_densenet56": "fcdensenet56",
    "fc_densenet67": "fcdensenet67",
    "fc_densenet103": "fcdensenet103",
    "deeplab_v1": "deeplab_v1_vgg128_noup",
    "deeplab_v1_largefov": "deeplab_v1_largefov",
    "dilated_front_end": "dilatednet_frontend",
    "dilated_net_large": "dilatednet_front_plus_large_ctx_voc",
}


def on_meta(name: str, **options):
    paper = models.PAPERS[name]
    with torch.device("meta"):
        return models.create(name, **({"num_classes": paper.num_classes, "in_channels": paper.in_channels} | options))


@pytest.mark.parametrize("name", NAMES)
class TestPaper:
    def test_parameters(self, name):
        trainable = sum(p.numel() for p in on_meta(name).parameters() if p.requires_grad)
        assert trainable == models.PAPERS[name].parameters

    def test_sizes(self, name):
        paper = models.PAPERS[name]
        x = torch.empty(1, paper.in_channels, *paper.input_size, device="meta")
        assert on_meta(name).eval()(x).shape == (1, paper.num_classes, *paper.output_size)

    def test_receptive_field(self, name):
        paper = models.PAPERS[name]
        # the field depends on kernels alone, so that a narrow copy tells it as well
        model = models.create(name, num_classes=2, in_channels=paper.in_channels, width=0.01).eval()
        field = receptive_field(model, (paper.in_channels, *paper.input_size))
        assert sorted({height for height, _ in field.sizes}) == list(paper.receptive_field)
        assert sorted({width for _, width in field.sizes}) == list(paper.receptive_field)

    def test_has_its_source(self, name):
        paper = models.PAPERS[name]
        assert paper.citation
        assert paper.link.startswith("https://")
        assert all(result.source for result in paper.results)


def test_facts_know_every_network():
    # dilated_net is the front end with the basic context module, which the facts give as a sum
    assert set(NAMES) - set(FACT_OF) <= {"dilated_net"}


@pytest.mark.parametrize("name", [name for name in NAMES if name in FACT_OF])
def test_record_agrees_with_the_release(name):
    paper, facts = models.PAPERS[name], FACTS[FACT_OF[name]]
    assert paper.parameters == facts["params_trainable"]
    assert paper.num_classes == facts["num_classes"]
    assert paper.output_stride == facts["output_stride"]

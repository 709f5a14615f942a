"""What a widget gives to the page, to Jupyter and to Colab."""

import base64
import json
import re

import pytest
import torch
import traitlets

from seglib.data import photograph
from seglib.widgets import DilationExplorer
from seglib.widgets.base import Widget, bundle, encode_bytes, live_device, rule, timed
from seglib.widgets.dilation import SIZE, dilated_response, filter_weights


def mounted(widget: Widget) -> dict:
    """The argument of mountWidget in the widget's HTML."""
    text = re.search(r"host\.mountWidget\((.*)\);</script>$", widget.static_html(), re.DOTALL).group(1)
    return json.loads(text)


def test_page_gets_state_settings_and_front_end():
    given = mounted(DilationExplorer(rate=5))
    assert given["state"]["rate"] == 5
    assert given["state"]["defaults"]["rate"] == 5
    assert given["settings"]["rate"] == {"type": "integer", "min": 1, "max": 12}
    assert given["settings"]["filter"] == {"values": ["edges", "vertical edges", "blur"]}
    assert given["settings"]["rates"] == {"items": {"type": "integer", "min": 1, "max": 16}, "min": 1, "max": 7}
    assert given["esm"] == bundle("dilation")
    assert "answer" not in given["state"], "what only a kernel can say must not be shown as if one were there"
    assert base64.b64decode(given["state"]["photo_png"]["$bytes"]).startswith(b"\x89PNG")


def test_page_html_cannot_be_ended_by_its_own_text():
    html = DilationExplorer().static_html()
    assert html.count("</script>") == 1
    assert html.endswith("</script>")


def test_live_hosts_get_the_widget_and_the_page_gets_html():
    data, _ = DilationExplorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "seglib-widget" in data["text/html"]


def test_colab_gets_no_html_beside_the_widget(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "google.colab", object())
    widget = DilationExplorer.__new__(DilationExplorer)
    monkeypatch.setattr("anywidget.AnyWidget._repr_mimebundle_", lambda self, **_: ({"text/plain": ""}, {}))
    assert "text/html" not in widget._repr_mimebundle_()[0]


def test_repr_is_the_same_every_time():
    assert repr(DilationExplorer(rate=3)) == repr(DilationExplorer(rate=3))
    assert "rate=3" in repr(DilationExplorer(rate=3))


def test_unknown_setting_is_named_with_the_known_ones():
    with pytest.raises(TypeError, match=r"no setting 'rates_'; it has rate, kernel"):
        DilationExplorer(rates_=[1])


@pytest.mark.parametrize(
    "bad",
    [
        {"rate": 0},
        {"rate": 13},
        {"rate": 2.5},
        {"kernel": 4},
        {"filter": "sobel"},
        {"rates": []},
        {"rates": [17]},
        {"x": 180},
    ],
)
def test_bad_value_raises_and_names_itself(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(traitlets.TraitError) as error:
        DilationExplorer(**bad)
    assert name in str(error.value)
    assert str(value).strip("[]") in str(error.value)


def test_key_must_fit_into_an_address():
    with pytest.raises(traitlets.TraitError, match="page's address"):
        DilationExplorer(key="a b")


def test_bytes_are_the_only_objects_in_state():
    assert encode_bytes(b"ab") == {"$bytes": "YWI="}
    with pytest.raises(TypeError, match="Tensor"):
        encode_bytes(torch.zeros(1))


def test_rule_of_a_trait_without_range_leaves_the_judgement_to_the_widget():
    assert rule(traitlets.Dict()) == {"type": "any"}
    assert rule(traitlets.Bool()) == {"type": "boolean"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_live_answers_come_from_the_gpu():
    assert live_device().type == "cuda"
    answer = DilationExplorer(rate=3).answer
    assert answer["by"].endswith(f" on {torch.cuda.get_device_name()}")
    image = photograph("chelsea", size=SIZE, gray=True)[0]
    on_cpu = dilated_response(image, filter_weights(answer["filter"], answer["kernel"]), 3)
    found = torch.frombuffer(bytearray(answer["pixels"]), dtype=torch.float32).view(SIZE)
    torch.testing.assert_close(found, on_cpu.float(), rtol=0, atol=1e-2)  # convolutions round to TF32 there


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_live_answers_come_from_the_cpu_where_there_is_no_gpu():
    assert live_device() == torch.device("cpu")
    assert DilationExplorer().answer["by"].endswith(" on CPU")


def test_timed_gives_result_and_milliseconds():
    result, milliseconds = timed(lambda: 7, torch.device("cpu"))
    assert result == 7
    assert 0 <= milliseconds < 1000

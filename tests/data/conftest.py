import pytest
import torch

from tests.data.tiny import Server


@pytest.fixture(autouse=True)
def one_thread():
    """Pictures here are tiny: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        yield running

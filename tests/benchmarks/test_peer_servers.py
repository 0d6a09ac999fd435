"""Each peer is asked in its own words, and all have the library the files are made with."""

from __future__ import annotations

import json

import pytest

from benchmarks.folders import ROOT
from benchmarks.peer_servers import PEERS, Peer

ROWS = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)]


def _pins(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name.lower(): version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("peer", PEERS.values(), ids=lambda peer: peer.name)
def test_a_peer_runs_the_library_of_the_site(peer: Peer) -> None:
    ours = _pins((ROOT / "requirements.txt").read_text())
    theirs = _pins(peer.requirements.read_text())
    assert theirs["scikit-learn"] == ours["scikit-learn"]
    assert theirs["numpy"] == ours["numpy"]


@pytest.mark.parametrize("peer", PEERS.values(), ids=lambda peer: peer.name)
def test_every_package_of_a_peer_is_pinned(peer: Peer) -> None:
    lines = [line for line in peer.requirements.read_text().splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert peer.version


def test_the_inference_protocol_carries_rows_as_one_tensor() -> None:
    (tensor,) = json.loads(PEERS["mlserver"].body_of(ROWS))["inputs"]
    assert tensor["shape"] == [2, 3]
    assert tensor["data"] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_the_inference_protocols_answer_is_read_row_by_row() -> None:
    said = {"outputs": [{"name": "predict_proba", "shape": [2, 2], "data": [0.9, 0.1, 0.2, 0.8]}]}
    answers = PEERS["mlserver"].answers_in(said)
    assert [answer.label for answer in answers] == [0, 1]
    assert answers[1].probabilities == (0.2, 0.8)


@pytest.mark.parametrize("name", ["bentoml", "mlflow", "litserve", "fastapi"])
def test_other_peers_take_rows_as_lists(name: str) -> None:
    assert json.loads(PEERS[name].body_of(ROWS)) == {"inputs": [list(row) for row in ROWS]}

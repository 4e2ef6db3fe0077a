"""The targets: judged right at their borders, and not at all where a peer is missing."""

from __future__ import annotations

import pytest

from benchmarks.measures import MEASURES
from benchmarks.output.figures import describe
from benchmarks.output.report import Result
from benchmarks.output.tables import targets_table
from benchmarks.output.targets import OFFICIAL, TARGETS, judge, judge_modules, judge_size
from benchmarks.peers import PEERS
from tests.benchmarks.made_up import of, without


def met(figure: str, target: str, **values: float) -> bool | None:
    """Judge a run with one figure, which one of us has; return the verdict on the target with this text."""
    [us] = {"direct", "bootstrap", "pipeline"} & {*values}
    title = f"{describe(figure).title}, {us}"
    [verdict] = [v for v in judge(of(figure, **values)) if (v.target, v.figure) == (target, title)]
    return verdict.met


@pytest.mark.parametrize(
    ("figure", "target", "us", "limit"),
    [
        ("cpu/16", "<= 1.4 x floor-c", "bootstrap", 14.0),
        ("cpu/16", "<= 1.15 x floor-c", "pipeline", 11.5),
        ("cpu/16", "<= 0.36 x awslambdaric", "bootstrap", 3.6),
        ("cpu/16", "<= 0.12 x awslambdaric-threads", "bootstrap", 1.2),
        ("p50/16", "<= 1.5 x floor-c", "bootstrap", 15.0),
        ("p50/16", "<= 0.34 x awslambdaric", "bootstrap", 3.4),
        ("p99/16", "<= 0.35 x go", "bootstrap", 3.5),
        ("cpu/apigw", "<= 1.7 x floor-c", "bootstrap", 17.0),
        ("cpu/apigw-small", "<= 1.7 x floor-c", "bootstrap", 17.0),
        ("first-next", "<= 1.15 x floor-python", "direct", 11.5),
        ("first-response", "<= 1.15 x floor-python", "direct", 11.5),
        ("first-next", "<= 1.2 x floor-python", "bootstrap", 12.0),
        ("first-response", "<= 1.2 x floor-python", "bootstrap", 12.0),
        ("first-response", "<= 0.25 x node", "bootstrap", 2.5),
        ("first-response", "<= 0.42 x awslambdaric", "bootstrap", 4.2),
        ("peak", "<= 0.25 x node", "bootstrap", 2.5),
        ("peak", "<= floor-python + 1.5 MB", "bootstrap", 11.5),
    ],
)
def test_a_limit_counts_as_met_and_what_is_above_as_missed(
    figure: str, target: str, us: str, limit: float
) -> None:
    """Where all others have 10, the factor is the limit."""
    others = dict.fromkeys((*OFFICIAL, "floor-python", "floor-c"), 10.0)
    others = {name.replace("-", "_"): value for name, value in others.items()}

    assert met(figure, target, **others, **{us: limit}) is True
    assert met(figure, target, **others, **{us: limit + 0.001}) is False


@pytest.mark.parametrize(
    ("figure", "target", "peers"),
    [
        ("cpu/16", "< every official client", OFFICIAL),
        ("cpu/apigw", "< every official client", OFFICIAL),
        ("cpu/apigw-small", "< every official client", OFFICIAL),
        ("p50/16", "< rust, go, node, awslambdaric", ("rust", "go", "node", "awslambdaric")),
        ("peak", "< go", ("go",)),
    ],
)
def test_below_means_below_each_of_them(figure: str, target: str, peers: tuple[str, ...]) -> None:
    """The lowest of the others counts, whoever it is, and its own value is not below it."""
    names = [peer.replace("-", "_") for peer in peers]
    for lowest in names:
        others = {**dict.fromkeys(names, 30.0), lowest: 20.0}

        assert met(figure, target, bootstrap=19.999, **others) is True
        assert met(figure, target, bootstrap=20.0, **others) is False


def test_every_official_client_is_one_of_six() -> None:
    """Both Rust variants and both ways of awslambdaric count."""
    assert {*OFFICIAL} == {"awslambdaric", "awslambdaric-threads", "go", "rust", "rust-current", "node"}


def test_a_target_without_its_peer_is_not_judged_and_says_why() -> None:
    """An absent peer, one that failed and one that was not asked for are told apart."""
    result = without(of("p99/16", bootstrap=10.0), "go", "no Go toolchain")
    [verdict] = judge(result)
    assert (verdict.met, verdict.value) == (None, "go: absent, no Go toolchain")
    assert targets_table([verdict])[-1].endswith("| go: absent, no Go toolchain | not judged |")

    result = of("p99/16", bootstrap=10.0)
    result.failed["go: 16"] = "it ended"
    assert [verdict.value for verdict in judge(result)] == ["go: failed, it ended"]

    assert [verdict.value for verdict in judge(of("p99/16", bootstrap=10.0))] == [
        "go: p99/16 was not measured"
    ]

    result = of("p99/16", bootstrap=10.0)
    del result.titles["go"]
    assert [verdict.value for verdict in judge(result)] == ["go: not in this run"]


def test_below_all_is_not_judged_while_one_is_missing() -> None:
    """Being below those that are there says nothing about the one that is not."""
    others = {peer.replace("-", "_"): 30.0 for peer in OFFICIAL if peer != "rust-current"}

    assert met("cpu/16", "< every official client", bootstrap=10.0, **others) is None


def test_a_figure_that_nobody_has_is_no_line() -> None:
    """A run of some measures is judged by the targets on these only."""
    assert {verdict.figure for verdict in judge(of("peak", bootstrap=1.0))} == {
        "peak memory after 10,000 invocations, bootstrap"
    }


def test_targets_name_figures_and_peers_that_exist() -> None:
    """No target is left out because of a wrong name."""
    figures = {figure for measure in MEASURES for figure in measure.figures}
    peers = {peer.name for peer in PEERS}

    assert {target.figure for target in TARGETS} <= figures
    assert {peer for target in TARGETS for peer in (target.us, *target.peers)} <= peers


def test_modules_are_judged_by_name_and_number() -> None:
    """Three standard modules and fourteen of ours pass; one more of either does not."""
    ours = ["__main__", *(f"rapid_client.m{number}" for number in range(13))]
    standard = ["_socket", "_json", "__future__"]

    assert judge_modules([*ours, *standard]).met
    assert not judge_modules([*ours, "rapid_client", *standard]).met
    assert not judge_modules([*ours, *standard, "os"]).met


def test_the_size_of_the_layer_is_judged_in_bytes() -> None:
    """300,000 bytes pass."""
    assert judge_size(300_000).met
    assert not judge_size(300_001).met


def test_sources_in_a_layer_are_told_and_not_judged() -> None:
    """The size with sources has no target, and no verdict."""
    result = Result({}, layer={"bytecode": 1000, "with_sources": 900_000})

    assert targets_table(judge(result))[-1] == "| the same with sources and `__pycache__` |  | 900 KB |  |"

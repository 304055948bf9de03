"""How one says where a cluster is, and which way to sample it."""

from __future__ import annotations

from pathlib import Path

import pytest
from clusterrows import answers

from distdiag_tui.config import resolve_target
from distdiag_tui.config.profiles import load_profiles
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Sampling, Secret, Target
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.assembly import assemble
from distdiag_tui.sources.fleet import Fleet

PROFILE = '[profile.shop]\nservers = ["10.0.0.1:2883"]\nuser = "monitor@sys#shop"\n'


def test_a_user_with_a_cluster_is_meant_for_an_obproxy() -> None:
    target = resolve_target("monitor@sys#shop@10.0.0.1:2883")
    assert (target.cluster, target.user, target.proxied) == ("shop", "monitor@sys#shop", True)
    assert target.user_at(Endpoint("10.0.0.1", 2883, "given", "zone1")) == "monitor@sys#shop"
    assert target.user_at(Endpoint("10.0.0.7", 2881)) == "monitor@sys"  # a server that was discovered
    assert not resolve_target("root@sys@[::1]:2881").proxied


def test_a_profile_says_how_to_sample(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    for line, sampling in (
        ("", "auto"),
        ('sampling = "cluster"', "cluster"),
        ('sampling = "direct"', "direct"),
    ):
        file.write_text(PROFILE + line)
        assert load_profiles(file).profile["shop"].target("shop").sampling is Sampling(sampling)
    file.write_text(PROFILE + 'sampling = "both"')
    with pytest.raises(ConfigError, match="sampling"):
        load_profiles(file)


def test_an_endpoint_that_showed_to_be_an_obproxy_is_one_at_every_look() -> None:
    for proxied, direct in ((True, 0), (False, 3)):
        fleet = Fleet(Target("shop", (Endpoint("10.0.0.9", 2883),), "root@sys", Secret("")))
        (node,) = fleet.nodes
        node._capability = Capability("", "", {"GV$SYSSTAT": frozenset({"SVR_IP", "SVR_PORT"})})
        node.proxied = proxied
        for _ in range(3):
            fleet.adopt(assemble(answers()))
            assert len(fleet.nodes) == direct
        assert fleet.layout is not None
        assert fleet.layout.sampling == ("cluster" if proxied else "direct")


def test_an_address_is_read_back() -> None:
    for endpoint in (Endpoint("fe80::1", 2881, "a", "z"), Endpoint("ob1", 2881, "a", "z")):
        assert Endpoint.at(endpoint.address, "a", "z") == endpoint

"""node env: what a node's process needs, as a shell reads it."""

from __future__ import annotations

import json
import shlex

from tests.cli.joining.sides import (
    CONFIGURATION,
    NO_STACK,
    Side,
)
from tests.operations.federations import TOPIC
from tests.operations.joins import Gate
from tests.operations.worlds import KEY


def test_node_env_is_an_env_file_that_a_shell_reads_as_it_is(hub: Gate, url: str, insel: Side) -> None:
    insel.join(hub.invite(url=url), "--yes")
    done = insel.call("node", "env", "insel")
    read = dict(each.split("=", 1) for each in shlex.split(done.out))
    assert read["FEDML_TOPIC_ARN"] == TOPIC
    assert (read["FEDML_SYNC_SCHED"], read["FEDML_SYNC_SECONDS"], read["FEDML_ENCRYPT"]) == ("m30", "1800", "false")
    assert "FEDML_PREFIX" not in read
    told = insel.call("node", "env", "insel", "--json").json
    assert told["bucket"] == "insel-fed" and told["prefix"] is None
    assert KEY not in done.out + json.dumps(told)


def test_node_env_of_what_is_not_there_names_what_is(hub: Gate, url: str, insel: Side) -> None:
    insel.join(hub.invite(url=url), "--yes")
    done = insel.call("node", "env", "usz")
    assert (done.code, "Its nodes are insel" in done.err) == (CONFIGURATION, True)
    insel.call("destroy", "--yes", "--delete-data")
    assert insel.call("node", "env", "insel").code == NO_STACK

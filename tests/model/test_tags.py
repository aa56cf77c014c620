"""The tags by which a resource is known as a federation's."""

from __future__ import annotations

import pytest

from fedml_infra.model.tags import owned_by, ownership_tags


def test_a_hub_has_no_node_tag() -> None:
    assert ownership_tags("cardio") == {"fedml:federation": "cardio", "fedml:managed-by": "fedml-infra"}


def test_a_node_names_its_pid() -> None:
    assert ownership_tags("cardio", "insel")["fedml:node"] == "insel"


def test_what_was_tagged_is_owned_whatever_else_it_carries() -> None:
    assert owned_by({**ownership_tags("cardio", "insel"), "team": "x"}, "cardio", "insel")


def test_any_node_of_the_federation_is_owned_where_no_pid_is_asked() -> None:
    assert owned_by(ownership_tags("cardio", "insel"), "cardio")


@pytest.mark.parametrize(
    "tags",
    [
        {},
        ownership_tags("cardio"),
        ownership_tags("cardio", "charite"),
        ownership_tags("other", "insel"),
        {"fedml:federation": "cardio", "fedml:node": "insel"},
        {"fedml:federation": "cardio", "fedml:node": "insel", "fedml:managed-by": "someone"},
    ],
)
def test_another_federation_node_or_manager_is_not_owned(tags: dict[str, str]) -> None:
    assert not owned_by(tags, "cardio", "insel")

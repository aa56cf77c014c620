"""Whose a queue name is."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from fedml_infra.aws.queues import QueueKind, QueueState, queue_state
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import PolicyError
from fedml_infra.model.tags import ownership_tags

from .conftest import REGION


def state(name: str = "cardio_insel", pid: str | None = "insel") -> QueueState:
    return queue_state(Access(), REGION, name, federation="cardio", pid=pid)


def make(tags: dict[str, str]) -> str:
    return client("sqs", Access(), REGION).create_queue(QueueName="cardio_insel", tags=tags)["QueueUrl"]


def test_a_queue_that_is_not_there(moto: None) -> None:
    assert state() == QueueState("cardio_insel", QueueKind.ABSENT)


def test_a_queue_with_the_nodes_tags_is_ours(moto: None) -> None:
    url = make(ownership_tags("cardio", "insel"))
    assert (state().kind, state().url) == (QueueKind.OURS, url)


@pytest.mark.parametrize(
    "tags", [{}, {"team": "x"}, ownership_tags("cardio", "charite"), ownership_tags("other", "insel")]
)
def test_any_other_queue_of_that_name_is_someone_elses(moto: None, tags: dict[str, str]) -> None:
    make(tags)
    assert state().kind is QueueKind.FOREIGN


def test_without_a_pid_any_node_of_the_federation_is_ours(moto: None) -> None:
    make(ownership_tags("cardio", "charite"))
    assert state(pid=None).kind is QueueKind.OURS


def test_another_region_is_another_queue(moto: None) -> None:
    make(ownership_tags("cardio", "insel"))
    found = queue_state(Access(), "us-east-1", "cardio_insel", federation="cardio", pid="insel")
    assert found.kind is QueueKind.ABSENT


def test_a_queue_that_may_not_be_looked_at_is_not_taken_for_absent(credentials: None) -> None:
    with Stubber(client("sqs", Access(), REGION)) as stub:
        stub.add_client_error("get_queue_url", "AccessDenied", http_status_code=403)
        with pytest.raises(PolicyError, match="could not look at queue cardio_insel"):
            state()


def test_a_queue_whose_tags_may_not_be_read_is_an_error(credentials: None) -> None:
    with Stubber(client("sqs", Access(), REGION)) as stub:
        stub.add_response("get_queue_url", {"QueueUrl": "https://sqs/1/cardio_insel"})
        stub.add_client_error("list_queue_tags", "AWS.SimpleQueueService.AccessDenied", http_status_code=403)
        with pytest.raises(PolicyError):
            state()


def test_a_queue_that_goes_while_it_is_looked_at_is_absent(credentials: None) -> None:
    with Stubber(client("sqs", Access(), REGION)) as stub:
        stub.add_response("get_queue_url", {"QueueUrl": "https://sqs/1/cardio_insel"})
        stub.add_client_error("list_queue_tags", "AWS.SimpleQueueService.NonExistentQueue")
        assert state().kind is QueueKind.ABSENT

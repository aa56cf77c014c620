"""awsinfo: AwsInfo as clients know it, a table, and what could not be looked at."""

from __future__ import annotations

import pytest

from fedml_infra.operations.double import InMemoryCloud
from tests.cli.conftest import Done, Run
from tests.operations.worlds import MEMBER, OWN, World

TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
QUEUE = f"arn:aws:sqs:eu-west-1:{MEMBER}:cardio_insel"


@pytest.fixture
def there(here: World) -> InMemoryCloud:
    """A topic with another account's queue, and a queue in another region."""
    aws = here.aws
    aws.add_topic(OWN, "us-east-1", "cardio")
    aws.add_subscription(TOPIC, QUEUE, arn=f"{TOPIC}:1")
    aws.add_queue(OWN, "eu-west-1", "other")
    return aws


def test_it_is_aws_info_as_clients_know_it(there: InMemoryCloud, run: Run) -> None:
    done = run("awsinfo", "--region", "us-east-1", "--region", "EU_WEST_1", "--json")
    assert done.code == 0
    assert done.json == {
        "topics": {
            "US_EAST_1": [
                {TOPIC: [{"owner": MEMBER, "protocol": "sqs", "endpoint": QUEUE, "subscription_arn": f"{TOPIC}:1"}]}
            ]
        },
        "queues": {"EU_WEST_1": [f"https://sqs.eu-west-1.amazonaws.com/{OWN}/other"]},
    }


def test_a_region_that_has_nothing_is_not_in_it(there: InMemoryCloud, run: Run) -> None:
    assert run("awsinfo", "--region", "us-west-2", "--json").json == {"topics": {}, "queues": {}}


def test_people_get_a_table(there: InMemoryCloud, run: Run) -> None:
    done = run("awsinfo", "--all-regions")
    assert f"of account {MEMBER}" in done.out
    assert f"Account {OWN}: 1 topic and 1 queue in 34 regions." in done.out


def test_regions_that_are_not_enabled_are_skipped_and_told(there: InMemoryCloud, run: Run) -> None:
    there.regions_off.add("ap-east-1")
    done = run("awsinfo", "--all-regions", "--json")
    assert done.code == 0
    assert set(done.json["topics"]) == {"US_EAST_1"}
    assert f"Not enabled in account {OWN}, so not looked at: ap-east-1." in done.err


def test_the_environment_s_region_is_the_default(
    there: InMemoryCloud, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert set(run("awsinfo", "--json").json["queues"]) == {"EU_WEST_1"}


def test_what_may_not_be_looked_at_is_told_and_exits_with_4(there: InMemoryCloud, run: Run) -> None:
    there.deny("sns:ListTopics", "us-east-1")
    done = run("awsinfo", "--region", "us-east-1", "--region", "eu-west-1", "--json")
    assert done.code == 4
    assert "sns:ListTopics on us-east-1" in done.err
    assert set(done.json["queues"]) == {"EU_WEST_1"}


def refused(done: Done, code: int, told: str) -> None:
    assert done.code == code
    assert told in done.err


def test_no_region_at_all_is_a_usage_error(there: InMemoryCloud, run: Run) -> None:
    refused(run("awsinfo"), 2, "No region is named")


def test_both_ways_of_naming_regions_exclude_each_other(there: InMemoryCloud, run: Run) -> None:
    refused(run("awsinfo", "--all-regions", "--region", "us-east-1"), 2, "exclude each other")


def test_what_is_no_region_is_named_with_the_nearest(there: InMemoryCloud, run: Run) -> None:
    refused(run("awsinfo", "--region", "us-eest-1"), 2, "did you mean us-")


def test_regions_of_two_partitions_are_two_accounts(there: InMemoryCloud, run: Run) -> None:
    refused(run("awsinfo", "--region", "us-east-1", "--region", "cn-north-1"), 2, "different partitions")


def test_another_account_than_was_said_is_not_looked_at(there: InMemoryCloud, run: Run) -> None:
    refused(run("awsinfo", "--region", "us-east-1", "--account", MEMBER), 3, f"belong to account {OWN}")


def test_a_profile_that_is_not_there_is_told(there: InMemoryCloud, run: Run) -> None:
    assert run("awsinfo", "--region", "us-east-1", "--profile", "nobody").code == 3

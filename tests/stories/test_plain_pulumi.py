"""A federation by plain `pulumi up` on stack files written by hand, on the real engine, policies enforced."""

from __future__ import annotations

import json
from dataclasses import dataclass

import botocore.exceptions
import pytest

from fedml_infra.sandbox.sandbox import Running
from tests.stories.federation import KEY, Organisation, account, fresh_account

pytestmark = pytest.mark.story

DENIED = "AuthorizationError|AccessDenied"


@dataclass(frozen=True)
class Pair:
    """A hub with a node of its own, and a joiner in another account and region; both up."""

    hub: Organisation
    joiner: Organisation
    said: str
    """What the hub's `up` printed."""


def members(pair: Pair, *more: str) -> None:
    """Writes the hub's file anew, with the joiner and more accounts as members."""
    each = "\n".join(f'{{aws_id: "{one}"}}' for one in (pair.joiner.account, *more))
    pair.hub.hub(members=each, nodes="{pid: charite, s3_bucket: shared-charite}")


@pytest.fixture(scope="module")
def federation(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    hub = Organisation(sandbox, folder / "hub", "shared")
    joiner = Organisation(sandbox, folder / "joiner", "shared", region="eu-central-1")
    joiner.joiner(hub.topic_arn, nodes="{pid: insel, s3_bucket: shared-insel/updates}")
    members(Pair(hub, joiner, ""))
    hub.init()
    joiner.init()
    made = Pair(hub, joiner, hub.up())
    joiner.up()
    return made


@pytest.fixture
def pair(federation: Pair) -> Pair:
    """The same for all, who find it whole: what one before has taken out is in again."""
    before = federation.hub.stack_file.read_bytes()
    members(federation)
    if federation.hub.stack_file.read_bytes() != before:
        federation.hub.up()
        federation.joiner.up()
    return federation


def test_the_key_is_in_the_parameter_and_nowhere_in_the_state(pair):
    hub = pair.hub
    assert KEY not in pair.said
    states = [path for path in (hub.folder / "state").rglob("*") if path.is_file()]
    assert states
    assert not [path for path in states if KEY.encode() in path.read_bytes()]
    parameter = hub.aws("ssm").get_parameter(Name="/fedml/shared/charite", WithDecryption=True)["Parameter"]
    assert parameter["Type"] == "SecureString"
    assert json.loads(parameter["Value"]) == {"epoch": 1, "keys": {"1": KEY}}


def test_strangers_are_unsubscribed_on_every_up_and_on_no_preview(pair):
    hub = pair.hub
    sqs = hub.aws("sqs")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    # The topic's own account may subscribe what it likes, by its identity: only the Deny on names stops it.
    subscribe = {"TopicArn": hub.topic_arn, "Protocol": "sqs", "ReturnSubscriptionArn": True}
    with pytest.raises(botocore.exceptions.ClientError, match=DENIED):
        hub.aws("sns").subscribe(Endpoint=f"arn:aws:sqs:us-east-1:{hub.account}:listener", **subscribe)
    sqs.delete_queue(QueueUrl=url)
    sqs.create_queue(QueueName="shared_listener")
    stranger = f"arn:aws:sqs:us-east-1:{hub.account}:shared_listener"
    hub.aws("sns").subscribe(Endpoint=stranger, **subscribe)

    def endpoints() -> set[str]:
        rows = hub.aws("sns").list_subscriptions_by_topic(TopicArn=hub.topic_arn)["Subscriptions"]
        return {row["Endpoint"] for row in rows}

    hub.must("preview", "-s", "shared", "--expect-no-changes")
    assert stranger in endpoints()
    assert "shared_listener" in hub.up()
    assert stranger not in endpoints()
    assert len(endpoints()) == 2


def test_adding_a_member_changes_topic_policy_and_roster_policy_only(pair):
    written = pair.hub.stack_file.read_bytes()
    members(pair, fresh_account())
    steps = pair.hub.steps()
    pair.hub.stack_file.write_bytes(written)
    assert steps.pop("update") == {"TopicPolicy shared", f"BucketPolicy {_roster(pair.hub)}"}
    assert not steps.keys() - {"same"}


def test_messages_reach_every_other_node_and_a_removed_member_nothing(pair):
    hub, joiner = pair.hub, pair.joiner
    joiner.publish(hub.topic_arn, "insel", "from insel")
    hub.publish(hub.topic_arn, "charite", "from charite")
    assert hub.received("charite") == ["from insel"]
    assert joiner.received("insel") == ["from charite"]
    assert joiner.received("insel", wait=0) == []

    for organisation in (hub, joiner):
        organisation.must("preview", "-s", "shared", "--expect-no-changes", "--refresh")

    # The member is taken out of the file, and nothing but `pulumi up` is run.
    hub.hub(nodes="{pid: charite, s3_bucket: shared-charite}")
    assert hub.steps().get("update") == {"TopicPolicy shared", f"BucketPolicy {_roster(hub)}"}
    said = hub.up()
    assert f"{joiner.account}:shared_insel" in said

    hub.publish(hub.topic_arn, "charite", "after")
    assert joiner.received("insel", wait=1) == []
    with pytest.raises(botocore.exceptions.ClientError, match=DENIED):
        joiner.publish(hub.topic_arn, "insel")
    with pytest.raises(botocore.exceptions.ClientError, match=DENIED):
        joiner.aws("sns", "us-east-1").subscribe(
            TopicArn=hub.topic_arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:eu-central-1:{joiner.account}:shared_insel"
        )


def test_the_preview_of_a_new_stack_shows_every_policy_in_full(organisation):
    hub = organisation("hub", "unborn")
    hub.hub(members=f'{{aws_id: "{account(999)}"}}', nodes="{pid: charite, s3_bucket: unborn-charite}")
    hub.init()
    text = hub.must("preview", "-s", "unborn", "--diff")
    for fact in (
        f"arn:aws:sns:us-east-1:{hub.account}:unborn",
        f"arn:aws:sqs:us-east-1:{hub.account}:unborn_charite",
        "arn:aws:s3:::unborn-charite/*",
        account(999),
    ):
        assert fact in text
    documents = [line for line in text.splitlines() if "olicy" in line.partition(":")[0] and "::" not in line]
    assert documents
    assert not [line for line in documents if "output<string>" in line or "[unknown]" in line]
    assert hub.aws("sns").list_topics()["Topics"] == []


def test_a_moved_node_replaces_what_is_regional_and_nothing_else(organisation):
    hub = organisation("hub", "moved")
    node = "{{pid: charite, s3_bucket: moved-charite, aws_region: {region}}}"
    hub.hub(nodes=node.format(region="us-east-1"))
    hub.init()
    hub.up()
    hub.hub(nodes=node.format(region="eu-central-1"))
    steps = hub.steps()
    assert steps["replace"] == {
        "Queue moved_charite",
        "Queue moved_charite_dlq",
        "QueuePolicy moved_charite",
        "RedriveAllowPolicy moved_charite_dlq",
        "TopicSubscription moved_charite",
        "Bucket moved_charite",
        "BucketOwnershipControls moved_charite",
        "BucketPublicAccessBlock moved_charite",
        "BucketServerSideEncryptionConfiguration moved_charite",
        "BucketLifecycleConfiguration moved_charite",
        "BucketPolicy moved_charite",
        "Parameter /fedml/moved/charite",
    }
    # Role, topic and the topic's policy stay; the inline policies name the bucket and queue by their ARNs.
    assert steps["update"] == {"Policy fedml.moved.charite.node"}
    assert not steps.keys() - {"replace", "create-replacement", "delete-replaced", "update", "same"}
    hub.up()
    assert hub.nodes()["charite"]["queue_arn"] == f"arn:aws:sqs:eu-central-1:{hub.account}:moved_charite"
    assert hub.aws("sqs").list_queues().get("QueueUrls", []) == []
    hub.must("preview", "-s", "moved", "--expect-no-changes", "--refresh")


def test_a_protected_stack_refuses_to_replace_or_destroy_and_says_why(organisation):
    hub = organisation("hub", "guarded")
    hub.hub(nodes="{pid: charite, s3_bucket: guarded-charite}", more="  fedml-infra:protect: true\n")
    hub.init()
    hub.up()
    hub.hub(nodes="{pid: charite, s3_bucket: guarded-other}", more="  fedml-infra:protect: true\n")
    assert "protect" in hub.refused("up", "--yes", "--skip-preview")
    assert "protect" in hub.refused("destroy", "--yes", "--skip-preview")
    assert [row["Name"] for row in hub.aws("s3").list_buckets()["Buckets"] if "guarded" in row["Name"]] == [
        _roster(hub),
        "guarded-charite",
    ] or {"guarded-charite", _roster(hub)} == {row["Name"] for row in hub.aws("s3").list_buckets()["Buckets"]}
    assert hub.aws("sqs").get_queue_url(QueueName="guarded_charite")


def test_a_bucket_with_payloads_is_not_destroyed(organisation):
    hub = organisation("hub", "full")
    hub.hub(nodes="{pid: charite, s3_bucket: full-charite}")
    hub.init()
    hub.up()
    hub.aws("s3").put_object(Bucket="full-charite", Key="update.bin", Body=b"1")
    assert "BucketNotEmpty" in hub.refused("destroy", "--yes", "--skip-preview")
    assert hub.aws("s3").get_object(Bucket="full-charite", Key="update.bin")["Body"].read() == b"1"
    hub.aws("s3").delete_object(Bucket="full-charite", Key="update.bin")
    hub.destroy()
    assert hub.aws("s3").list_buckets()["Buckets"] == []


def test_in_a_centralized_federation_a_peer_publishes_and_may_not_subscribe(organisation):
    hub, peer = organisation("hub", "central"), organisation("peer", "central")
    hub.hub(
        members=f'{{aws_id: "{peer.account}"}}',
        nodes="{pid: charite, s3_bucket: central-charite}",
        more="  fedml-infra:topology: centralized\n",
    )
    hub.init()
    hub.up()
    peer.joiner(
        hub.topic_arn, nodes="{pid: insel, s3_bucket: central-insel}", more="  fedml-infra:topology: centralized\n"
    )
    peer.init()
    peer.up()
    assert peer.aws("sqs").list_queues().get("QueueUrls", []) == []
    peer.publish(hub.topic_arn, "insel", "gradient")
    assert hub.received("charite") == ["gradient"]
    peer.aws("sqs").create_queue(QueueName="central_spy")
    with pytest.raises(botocore.exceptions.ClientError, match=DENIED):
        peer.aws("sns").subscribe(
            TopicArn=hub.topic_arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{peer.account}:central_spy"
        )


def test_an_adopted_bucket_is_warned_about_and_never_written_to(organisation):
    hub = organisation("hub", "adopting")
    s3 = hub.aws("s3")
    s3.create_bucket(Bucket="adopting-archive")
    rules = [{"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3650}}]
    s3.put_bucket_lifecycle_configuration(Bucket="adopting-archive", LifecycleConfiguration={"Rules": rules})
    s3.put_object(Bucket="adopting-archive", Key="scan.dcm", Body=b"1")
    hub.hub(nodes="{pid: charite, s3_bucket: adopting-archive/fed, adopt_bucket: true}")
    hub.init()
    assert "adopting-archive" in hub.must("preview", "-s", "adopting")
    said = hub.up()
    assert "adopting-archive: its policy does not deny plain HTTP" in said
    kept = s3.get_bucket_lifecycle_configuration(Bucket="adopting-archive")["Rules"]
    assert [rule["ID"] for rule in kept] == ["theirs"]
    for read in (s3.get_bucket_policy, s3.get_bucket_tagging):
        with pytest.raises(botocore.exceptions.ClientError, match="NoSuch"):
            read(Bucket="adopting-archive")
    hub.destroy()
    assert s3.get_object(Bucket="adopting-archive", Key="scan.dcm")["Body"].read() == b"1"


def test_a_bucket_to_adopt_that_is_not_ones_own_is_refused(organisation):
    hub, other = organisation("hub", "greedy"), organisation("other", "greedy")
    other.aws("s3").create_bucket(Bucket="greedy-theirs")
    hub.hub(nodes="{pid: charite, s3_bucket: greedy-theirs, adopt_bucket: true}")
    hub.init()
    assert "greedy-theirs" in hub.refused("up", "--yes", "--skip-preview")
    hub.hub(nodes="{pid: charite, s3_bucket: greedy-nobodys, adopt_bucket: true}")
    assert "greedy-nobodys" in hub.refused("up", "--yes", "--skip-preview")
    assert hub.aws("sqs").list_queues().get("QueueUrls", []) == []


def test_a_bucket_to_be_made_that_exists_is_refused_even_in_us_east_1(organisation):
    hub = organisation("hub", "taken")
    hub.aws("s3").create_bucket(Bucket="taken-mine")
    hub.hub(nodes="{pid: charite, s3_bucket: taken-mine}")
    hub.init()
    assert "BucketAlready" in hub.refused("up", "--yes", "--skip-preview")


def test_a_node_in_another_account_comes_up_there_by_its_profile(organisation):
    hub, lab = organisation("hub", "spread"), fresh_account()
    hub.hub(
        nodes="{pid: charite, s3_bucket: spread-charite}\n"
        f"{{pid: lab, s3_bucket: spread-lab, aws_region: eu-west-1, account: {{profile: sandbox-{lab}}}}}"
    )
    hub.init()
    hub.up()
    nodes = hub.nodes()
    assert nodes["lab"]["queue_arn"] == f"arn:aws:sqs:eu-west-1:{lab}:spread_lab"
    assert nodes["charite"]["account"] == hub.account
    hub.publish(hub.topic_arn, "charite", "to the lab")
    elsewhere = hub.running.local_aws.session(lab, "eu-west-1").client("sqs")
    (message,) = elsewhere.receive_message(QueueUrl=nodes["lab"]["queue_url"], WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "to the lab"


def _roster(hub: Organisation) -> str:
    return f"fedml-{hub.federation}-{hub.account}-{hub.region}"

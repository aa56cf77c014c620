"""Every mistake of a stack file is told at once, with its key, its line and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.fields import TAG_LIMIT
from fedml_infra.model.rules import FILTER_POLICY_LIMIT, MEMBER_LIMITS
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import validate
from tests.model.stack_values import KEY, PUBLIC_KEY, TOPIC, config, full, hub, joiner, node, only, problems


def members(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"aws_id": f"{100_000_000_000 + n}", **more} for n in range(count)]


def test_the_administrators_example_is_right() -> None:
    read = config(hub())
    assert read.is_hub
    assert (read.fed_name, read.sync_sched, read.region) == ("cardio", Schedule("m", 30), "us-east-1")
    assert [member.aws_id for member in read.members] == ["222222222222", "333333333333"]
    assert str(read.nodes[0].s3_bucket) == "cardio-charite/updates"


def test_the_joiners_example_is_right() -> None:
    read = config(joiner(nodes=[node(fed_local_type="gpu", account={"profile": "insel-prod"})]))
    assert not read.is_hub
    assert read.nodes[0].fed_local_type == "gpu"
    assert read.nodes[0].account is not None
    assert read.nodes[0].account.profile == "insel-prod"


def test_defaults_are_those_of_the_contract() -> None:
    read = config(hub(members=...))
    assert (read.fed_epoch, read.fed_encrypt, read.protect, read.iam_path) == (1, False, False, "/")
    assert (read.topology, read.message_filter, read.sharing) == ("decentralized", "sender", "sts")
    assert (read.retention, dict(read.tags), read.members) == (Schedule("d", 14), {}, ())
    assert (read.nodes[0].adopt_bucket, read.nodes[0].fed_local_type) == (False, "cpu")


def test_all_mistakes_are_told_at_once() -> None:
    """What is wrong in one place hides nothing elsewhere, not what is wrong between two places either."""
    found = problems(
        hub(
            fed_name="card io",
            sync_sched="30m",
            fed_secret_key=...,
            membrs=[],
            members=[{"aws_id": 222}, {"aws_id": "333333333333"}, {"aws_id": "333333333333"}],
            nodes=[node("a", rights=[]), node("b"), node("b", s3_bucket="other")],
            retention="d30",
            region="us-est-1",
        )
    )
    assert [problem.key for problem in found] == [
        "aws:region",
        "fed_name",
        "sync_sched",
        "fed_secret_key",
        "members[0].aws_id",
        "members[2].aws_id",
        "nodes[0].rights",
        "nodes[2].pid",
        "retention",
        "membrs",
    ]


def test_each_problem_has_the_line_of_its_value() -> None:
    lines = {"fedml-infra:nodes": 7, "fedml-infra:nodes[0]": 8, "fedml-infra:nodes[0].pid": 9, "aws:region": 2}
    values = hub(region="mars", fed_secret_key=Ciphertext("v1:x"), nodes=[{"pid": "a b"}])
    found = {problem.key: problem.line for problem in problems(values, lines=lines)}
    assert found == {"aws:region": 2, "nodes[0].pid": 9, "nodes[0].s3_bucket": 8}


def test_problems_stand_in_the_order_of_the_file() -> None:
    lines = {"fedml-infra:protect": 2, "fedml-infra:sync_sched": 9}
    values = hub(protect=7, sync_sched="x", fed_name=..., fed_secret_key=Ciphertext("v1:x"))
    assert [problem.line for problem in problems(values, lines=lines)] == [2, 9, None]


def test_a_number_for_a_schedule_shows_the_units() -> None:
    assert "m30, h30 or d30" in (only(hub(sync_sched=30)).fix or "")


def test_what_is_not_in_the_file_has_no_line() -> None:
    problem = only(hub(sync_sched=..., fed_secret_key=Ciphertext("v1:x")), lines={"fedml-infra:fed_name": 3})
    assert (problem.key, problem.line) == ("sync_sched", None)


def test_the_headline_names_the_file_and_counts() -> None:
    with pytest.raises(ConfigurationError, match=r"^stacks/Pulumi.cardio.yaml has 2 mistakes:"):
        validate(hub(sync_sched="x", protect=7), stack="cardio", source="stacks/Pulumi.cardio.yaml")


@pytest.mark.parametrize("name", ["fed_name", "sync_sched", "fed_secret_key"])
def test_a_needed_key_that_is_missing_says_how_to_add_it(name: str) -> None:
    problem = only(hub(**{name: ...}))
    assert (problem.key, problem.message) == (name, "is missing")
    assert problem.fix
    assert name in problem.fix


def test_a_missing_region_is_told() -> None:
    assert only(hub(region=...)).key == "aws:region"


@pytest.mark.parametrize(
    ("name", "meant"), [("fed_nme", "fed_name"), ("member", "members"), ("topolgy", "topology"), ("tag", "tags")]
)
def test_an_unknown_key_names_the_nearest(name: str, meant: str) -> None:
    problem = only(hub(**{name: "x"}))
    assert problem.key == name
    assert problem.fix
    assert meant in problem.fix


def test_an_unknown_key_that_is_near_to_nothing_lists_the_known() -> None:
    assert "fed_name, sync_sched" in (only(hub(zzz=1)).fix or "")


def test_unknown_keys_of_entries_name_the_nearest() -> None:
    found = problems(
        hub(members=[{"aws_id": "222222222222", "right": ["publish"]}], nodes=[node(account={"profle": "x"})])
    )
    fixes = {problem.key: problem.fix for problem in found}
    assert fixes["members[0].right"] == "did you mean rights?"
    assert fixes["nodes[0].account.profle"] == "did you mean profile?"


def test_a_key_without_namespace_says_what_to_write() -> None:
    assert only({**hub(), "protect": True}).fix == "write fedml-infra:protect"


def test_other_namespaces_are_left_alone() -> None:
    assert validate({**hub(), "other:fed_name": 1, "aws:profile": "x", "pulumi:tags": {}}, stack="cardio")


def test_a_stack_of_another_name_is_refused() -> None:
    problem = only(hub(), stack="neuro")
    assert problem.key == "fed_name"
    assert "'neuro'" in problem.message


@pytest.mark.parametrize("value", ["US_EAST_1", "us-east-1"])
def test_both_spellings_of_a_region_are_right(value: str) -> None:
    assert config(hub(region=value, nodes=[node(aws_region=value)])).nodes[0].aws_region == "us-east-1"


def test_a_region_that_aws_does_not_have_names_the_nearest() -> None:
    problem = only(hub(nodes=[node(aws_region="eu-west-7")]))
    assert problem.key == "nodes[0].aws_region"
    assert "eu-west-1" in (problem.fix or "")


# Between values


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "cn-north-1"])
def test_a_topic_of_another_name_is_refused(region: str) -> None:
    problem = problems(joiner(aws_topic_arn=TOPIC.replace("cardio", "neuro"), region=region))[0]
    assert problem.key == "aws_topic_arn"
    assert "'neuro'" in problem.message


def test_a_topic_of_another_partition_is_refused() -> None:
    problem = only(joiner(region="cn-north-1"))
    assert problem.key == "aws_topic_arn"
    assert "does not cross partitions" in (problem.fix or "")


def test_a_node_in_another_partition_is_refused() -> None:
    problem = only(hub(nodes=[node(aws_region="us-gov-west-1")]))
    assert problem.key == "nodes[0].aws_region"
    assert "aws-us-gov" in problem.message


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:us-east-1:111111111111:cardio",
        "arn:aws:sns:us-east-1:111111111111:cardio.fifo",
        "cardio",
        "arn:aws:sns::111111111111:cardio",
        "arn:aws:sns:us-east-1::cardio",
        "arn:aws:sns:us-east-1:111111111111:a:b",
    ],
)
def test_what_is_no_topics_arn_is_refused(arn: str) -> None:
    assert only(joiner(aws_topic_arn=arn)).key == "aws_topic_arn"


def test_opt_in_to_another_opt_in_region_is_refused() -> None:
    problem = only(hub(region="eu-south-1", nodes=[node(aws_region="af-south-1")]))
    assert problem.key == "nodes[0].aws_region"
    assert "both are opt-in" in problem.message


def test_opt_in_to_opt_in_is_refused_where_the_node_takes_the_stacks_region() -> None:
    problem = only(joiner(aws_topic_arn=TOPIC.replace("us-east-1", "me-south-1"), region="af-south-1"))
    assert problem.key == "nodes[0].aws_region"


@pytest.mark.parametrize(
    ("topic", "queue"), [("eu-south-1", "eu-south-1"), ("eu-south-1", "eu-west-1"), ("eu-west-1", "eu-south-1")]
)
def test_one_opt_in_region_is_right(topic: str, queue: str) -> None:
    assert config(hub(region=topic, nodes=[node(aws_region=queue)]))


def test_a_publish_only_node_may_be_in_any_opt_in_region() -> None:
    """It has no queue that SNS would deliver to."""
    assert config(hub(region="eu-south-1", nodes=[node(aws_region="af-south-1", rights=["publish"])]))


def test_two_nodes_of_one_pid_are_refused() -> None:
    problem = only(hub(nodes=[node("a"), node("a", s3_bucket="other")]))
    assert (problem.key, problem.message) == ("nodes[1].pid", "'a' is nodes[0].pid already")


def test_a_pid_of_a_member_is_taken() -> None:
    assert only(hub(nodes=[node("usz")])).key == "members[1].nodes[0]"


def test_one_account_twice_is_refused() -> None:
    problem = only(hub(members=[{"aws_id": 222222222222}, {"aws_id": "222222222222"}]))
    assert problem.key == "members[1].aws_id"


@pytest.mark.parametrize("values", [hub(fed_name="f" * 40, nodes=[node("p" * 36, s3_bucket="abc")], members=...)])
def test_a_queue_name_over_eighty_says_by_how_much(values: dict[str, Any]) -> None:
    problem = only(values)
    assert problem.key == "nodes[0].pid"
    assert "81 characters" in problem.message
    assert "by 1" in (problem.fix or "")


def test_a_queue_name_of_eighty_is_right() -> None:
    assert config(hub(fed_name="f" * 40, nodes=[node("p" * 35, s3_bucket="abc")], members=...))


def test_a_members_queue_name_is_measured_too() -> None:
    values = hub(fed_name="f" * 40, members=[{"aws_id": "222222222222", "nodes": ["p" * 36]}])
    assert only(values).key == "members[0].nodes[0]"


def test_members_belong_to_the_hub() -> None:
    problem = only(joiner(members=[{"aws_id": "222222222222"}]))
    assert problem.key == "members"
    assert "aws_topic_arn" in (problem.fix or "")


@pytest.mark.parametrize("side", [hub, joiner])
def test_a_roster_bucket_may_be_named_on_either_side(side: Callable[..., dict[str, Any]]) -> None:
    assert config(side(roster_bucket="roster")).roster_bucket == "roster"


def test_a_join_that_waits_is_told_how_it_goes_on() -> None:
    waiting = joiner(fed_secret_key=..., member_key=Ciphertext("x"))
    assert "join --continue" in (only(waiting).fix or "")
    assert "pulumi config set" in (only(joiner(fed_secret_key=...)).fix or "")


def test_the_hubs_public_key_belongs_to_a_joiner() -> None:
    assert only(hub(hub_public_key=PUBLIC_KEY)).key == "hub_public_key"
    assert config(joiner(hub_public_key=PUBLIC_KEY)).hub_public_key == PUBLIC_KEY


@pytest.mark.parametrize("nodes", [..., []])
def test_a_joiner_without_nodes_is_refused(nodes: object) -> None:
    assert only(joiner(nodes=nodes)).key == "nodes"


def test_a_hub_without_nodes_is_right() -> None:
    assert config(hub(nodes=...)).nodes == ()


def test_a_wrong_topic_arn_does_not_make_a_joiner_a_hub() -> None:
    assert [p.key for p in problems(joiner(aws_topic_arn="x", members=[{"aws_id": "222222222222"}]))] == [
        "members",
        "aws_topic_arn",
    ]


def test_hybrid_asks_for_the_rights_of_each() -> None:
    found = problems(hub(topology="hybrid"))
    assert [problem.key for problem in found] == ["members[0].rights", "nodes[0].rights"]
    assert "[publish]" in (found[0].fix or "")


def test_hybrid_with_rights_is_right() -> None:
    assert config(joiner(topology="hybrid", nodes=[node(rights=["receive"])]))


def filtered(receiving: int, **changes: Any) -> dict[str, Any]:
    return hub(members=members(receiving - 1), **changes)


def test_a_filter_for_180_nodes_is_right() -> None:
    assert config(filtered(FILTER_POLICY_LIMIT))


def test_a_filter_for_181_nodes_says_none() -> None:
    problem = only(filtered(FILTER_POLICY_LIMIT + 1))
    assert problem.key == "message_filter"
    assert "message_filter: none" in (problem.fix or "")


def test_without_filter_there_may_be_more() -> None:
    assert config(filtered(FILTER_POLICY_LIMIT + 1, message_filter="none"))


def test_publish_only_members_need_no_filter() -> None:
    assert config(hub(members=members(300, rights=["publish"])))
    assert config(hub(members=members(300), topology="centralized"))


def test_each_node_of_a_member_needs_a_filter() -> None:
    pids = [f"n{n}" for n in range(FILTER_POLICY_LIMIT)]
    assert only(hub(members=[{"aws_id": "222222222222", "nodes": pids}])).key == "message_filter"


@pytest.mark.parametrize(
    ("region", "limit"), [("us-east-1", 600), ("cn-north-1", MEMBER_LIMITS["aws-cn"]), ("us-gov-west-1", 490)]
)
def test_as_many_members_are_right_as_fit_in_the_partition_s_roster_policy(region: str, limit: int) -> None:
    def crowd(number: int) -> dict[str, Any]:
        return {**hub(members=members(number), message_filter="none"), "aws:region": region}

    assert config(crowd(limit))
    assert only(crowd(limit + 1)).key == "members"


@pytest.mark.parametrize(("one", "other"), [("abc", "abc"), ("abc", "abc/x"), ("abc/x", "abc/x/y")])
def test_nodes_that_could_read_each_others_payloads_are_refused(one: str, other: str) -> None:
    entries = [node("a", s3_bucket=one, adopt_bucket=True), node("b", s3_bucket=other, adopt_bucket=True)]
    problem = only(hub(nodes=entries))
    assert problem.key == "nodes[1].s3_bucket"
    assert "overlaps nodes[0]" in problem.message


def test_two_prefixes_of_one_adopted_bucket_are_right() -> None:
    entries = [node("a", s3_bucket="abc/a", adopt_bucket=True), node("b", s3_bucket="abc/b", adopt_bucket=True)]
    assert config(hub(nodes=entries))


def test_a_bucket_is_made_once() -> None:
    problem = only(hub(nodes=[node("a", s3_bucket="abc/a"), node("b", s3_bucket="abc/b")]))
    assert "made once" in problem.message


def test_the_roster_bucket_is_no_nodes_bucket() -> None:
    assert only(hub(roster_bucket="abc", nodes=[node("a", s3_bucket="abc/a")])).key == "nodes[0].s3_bucket"


# Single values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topology", "central"),
        ("message_filter", "all"),
        ("sharing", "s3"),
        ("fed_encrypt", "yes"),
        ("protect", 1),
        ("fed_epoch", 0),
        ("fed_epoch", True),
        ("fed_epoch", 1.5),
        ("retention", "d15"),
        ("iam_path", "fedml"),
        ("iam_path", "/a//b/"),
        ("permissions_boundary", "arn:aws:iam::111111111111:role/x"),
        ("kms_key_arn", "arn:aws:kms:us-east-1:111111111111:alias/x"),
        ("kms_key_arn", "1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("fed_secret_key", "c2hvcnQ="),
        ("fed_secret_key", "not base64!"),
        ("fed_secret_key", 7),
        ("fed_old_keys", "{}x"),
        ("fed_old_keys", '{"1": "x"}'),
        ("roster_bucket", "Roster"),
        ("tags", ["a"]),
        ("tags", {"aws:x": "y"}),
        ("tags", {"AWS:x": "y"}),
        ("tags", {"a": 1}),
        ("tags", {"a": "x" * 257}),
        ("tags", {"": "x"}),
        ("tags", {"a": "x;y"}),
        ("tags", {"Team": "x", "team": "y"}),
        ("tags", {f"t{n}": "x" for n in range(TAG_LIMIT + 1)}),
        ("members", "222222222222"),
        ("nodes", {"pid": "a"}),
    ],
)
def test_a_wrong_value_is_refused_under_its_key(name: str, value: object) -> None:
    assert only(hub(**{name: value})).key == name


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"account": {}}, "account"),
        ({"account": {"profile": "a", "assume_role": "arn:aws:iam::111111111111:role/x"}}, "account"),
        ({"account": {"profile": "a", "external_id": "abc"}}, "account"),
        ({"account": {"assume_role": "x"}}, "account.assume_role"),
        ({"account": {"assume_role": "arn:aws-cn:iam::111111111111:role/x"}}, "account.assume_role"),
        ({"account": {"profile": ""}}, "account.profile"),
        ({"account": "insel-prod"}, "account"),
        ({"node_role": "arn:aws:iam::111111111111:role/a/trainer"}, "node_role"),
        ({"node_role": "a b"}, "node_role"),
        ({"fed_local_type": "tpu"}, "fed_local_type"),
        ({"adopt_bucket": "yes"}, "adopt_bucket"),
        ({"pid": 7}, "pid"),
        ({"s3_bucket": ["x"]}, "s3_bucket"),
        ({"rights": "publish"}, "rights"),
    ],
)
def test_a_wrong_value_of_a_node_is_refused_under_its_key(entry: dict[str, Any], key: str) -> None:
    problem = only(hub(nodes=[node(**entry)]))
    assert problem.key == f"nodes[0].{key}"
    assert "validation error" not in problem.message


def test_a_roles_arn_shows_its_name() -> None:
    assert only(hub(nodes=[node(node_role="arn:aws:iam::111111111111:role/a/trainer")])).fix == "write trainer"


def test_a_number_for_a_name_says_to_quote_it() -> None:
    assert only(hub(nodes=[node(pid=7)])).fix == "put it in quotes"


@pytest.mark.parametrize("entry", [7, "a", None, ["a"]])
def test_an_entry_that_is_no_mapping_says_its_keys(entry: object) -> None:
    problem = only(hub(members=[entry]))
    assert problem.key == "members[0]"
    assert "aws_id, rights, nodes" in (problem.fix or "")


@pytest.mark.parametrize("name", ["sync_sched", "members", "protect", "kms_key_arn"])
def test_a_key_without_value_is_told(name: str) -> None:
    assert only(hub(**{name: None})).message in {"has no value", "must be a list, not nothing"}


def test_a_bare_account_id_is_read_and_a_short_one_says_to_quote_it() -> None:
    assert config(hub(members=[{"aws_id": 222222222222}])).members[0].aws_id == "222222222222"
    assert "in quotes" in (only(hub(members=[{"aws_id": 12345678901}])).fix or "")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_what_pulumi_config_set_writes_for_a_boolean_is_right(text: str, value: bool) -> None:
    assert config(hub(protect=text, nodes=[node(adopt_bucket=text)])).protect is value


def test_what_pulumi_config_set_writes_for_a_list_is_right() -> None:
    """`pulumi config set members '[…]'` leaves JSON text in the file."""
    assert config(hub(members='[{"aws_id": "222222222222"}]')).members[0].aws_id == "222222222222"


# Keys


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_a_kms_key_of_another_region_is_refused(region: str) -> None:
    arn = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    problem = only(hub(region=region, kms_key_arn=arn))
    assert problem.key == "kms_key_arn"
    assert region in problem.message


def test_a_multi_region_key_is_named_in_each_region() -> None:
    arn = "arn:aws:kms:us-east-1:111111111111:key/mrk-1234abcd12ab34cd56ef1234567890ab"
    read = config(hub(kms_key_arn=arn, nodes=[node(aws_region="eu-west-1")]))
    assert read.kms_key_in("eu-west-1") == arn.replace("us-east-1", "eu-west-1")


@pytest.mark.parametrize("name", ["kms_key_arn", "permissions_boundary"])
def test_arns_of_another_partition_are_refused(name: str) -> None:
    arns = {
        "kms_key_arn": "arn:aws-cn:kms:cn-north-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "permissions_boundary": "arn:aws-cn:iam::111111111111:policy/x",
    }
    problem = only(hub(**{name: arns[name]}))
    assert problem.key == name
    assert "aws-cn" in problem.message


# Secrets


@pytest.mark.parametrize("name", ["fed_secret_key", "fed_old_keys", "hub_key", "member_key"])
def test_a_secret_in_clear_text_in_a_file_is_an_error(name: str) -> None:
    sealed = {"fed_secret_key": Ciphertext("v1:x")}
    problem = only(hub(**{**sealed, name: KEY}), lines={f"fedml-infra:{name}": 5})
    assert (problem.key, problem.line) == (name, 5)
    assert "clear text" in problem.message
    assert f"--secret fedml-infra:{name}" in (problem.fix or "")


@pytest.mark.parametrize("lines", [None, {}])
def test_an_encrypted_secret_is_there_and_not_readable(lines: dict[str, int] | None) -> None:
    read = validate(hub(fed_secret_key=Ciphertext("v1:x"), hub_key=Ciphertext("v1:y")), stack=None, lines=lines)
    assert read.fed_secret_key is None
    assert read.hub_key is None
    assert read.has_secret("fed_secret_key")
    assert read.has_secret("hub_key")
    assert not read.has_secret("member_key")


@pytest.mark.parametrize(
    "values",
    [hub(protect=Ciphertext("v1:x")), hub(nodes=Ciphertext("v1:x")), hub(nodes=[node(pid=Ciphertext("v1:x"))])],
)
def test_what_is_no_secret_must_not_be_encrypted(values: dict[str, Any]) -> None:
    assert only(values).message == "is encrypted, and is no secret"


def test_a_secret_never_prints() -> None:
    read = config(hub(hub_key="the hub's key", member_key="the member's key"))
    shown = repr(read) + str(read) + str(read.model_dump()) + read.model_dump_json()
    assert [secret for secret in (KEY, "the hub's key", "the member's key") if secret in shown] == []


@pytest.mark.parametrize("name", ["fed_secret_key", "fed_old_keys"])
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(hub(**{name: "hunter2hunter2"}), stack=None)
    assert "hunter2" not in str(caught.value)


OLD = '{"1": {"key": "%s", "drop_after": "2026-01-31T12:00:00+02:00"}}'


def test_old_keys_have_epoch_key_and_time() -> None:
    (old,) = config(hub(fed_epoch=2, fed_old_keys=OLD % KEY)).fed_old_keys
    assert (old.epoch, old.key.get_secret_value(), old.drop_after.isoformat()) == (1, KEY, "2026-01-31T10:00:00+00:00")


def test_an_old_key_is_older_than_the_current_one() -> None:
    assert only(hub(fed_old_keys=OLD % KEY)).key == "fed_old_keys"


@pytest.mark.parametrize("wrong", [OLD % "short", (OLD % KEY).replace("+02:00", ""), (OLD % KEY).replace("2026", "x")])
def test_wrong_old_keys_are_refused(wrong: str) -> None:
    assert only(hub(fed_epoch=2, fed_old_keys=wrong)).key == "fed_old_keys"


def test_values_are_frozen() -> None:
    read = config(hub(tags={"team": "x"}))
    with pytest.raises(ValueError, match="frozen"):
        read.protect = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        read.tags["team"] = "y"  # type: ignore[index]


def test_a_config_made_directly_keeps_the_rules() -> None:
    values = {name.partition(":")[2]: value for name, value in hub(nodes=[node("a"), node("a")]).items()}
    with pytest.raises(ValueError, match="already"):
        StackConfig(**values)


def test_full_names() -> None:
    assert full({"region": "x", "protect": True, "tags": ...}) == {"aws:region": "x", "fedml-infra:protect": True}

"""Every mistake of a stack file is told at once, with its key, its line and what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.fields import TAG_LIMIT
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import validate
from tests.model.stack_values import config, full, hub, joiner, node, only, problems


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

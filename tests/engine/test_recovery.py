"""What is decided of a state that an interrupted run left: state in, plan out."""

from __future__ import annotations

from fedml_infra.engine.recovery import (
    BUCKET,
    QUEUE,
    ROLE,
    TOPIC,
    UNKNOWN,
    Adoption,
    Candidate,
    Pending,
    completed,
    import_document,
    pending_in,
    settle,
    sought,
    to_look_for,
    told,
    without_pending,
)
from fedml_infra.model.sightings import Sighting, Sought
from fedml_infra.model.tags import ownership_tags

BASE = "urn:pulumi:cardio::fedml-infra::"
HUB = f"{BASE}fedml:index:Federation$fedml:index:Hub::cardio"
NODE = f"{BASE}fedml:index:Federation$fedml:index:Node::cardio_a"
PROVIDER = f"{BASE}fedml:index:Federation$pulumi:providers:aws::cardio-aws"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def urn(kind: str, name: str) -> str:
    return f"{BASE}fedml:index:Federation$fedml:index:Node${kind}::{name}"


def operation(what: str, kind: str, named: str, **inputs: str) -> dict:
    resource = {
        "urn": urn(kind, named),
        "type": kind,
        "parent": NODE,
        "provider": f"{PROVIDER}::1234",
        "inputs": inputs,
    }
    return {"type": what, "resource": resource}


def state(*pending: dict, resources: tuple[dict, ...] = ()) -> dict:
    return {"version": 3, "deployment": {"resources": list(resources), "pending_operations": list(pending)}}


def candidate(seen: Sighting | None, *, began: bool = True, kind: str = BUCKET) -> Candidate:
    return Candidate(Adoption(urn(kind, "x"), kind, "", NODE, PROVIDER), "cardio", "a", seen, began)


OURS = ownership_tags("cardio", "a")


def test_a_state_without_anything_has_nothing_pending():
    assert pending_in({}) == pending_in({"version": 3, "deployment": None}) == ()


def test_a_pending_operation_knows_its_provider_without_its_id():
    [found] = pending_in(state(operation("creating", QUEUE, "q", name="q")))
    assert found == Pending("creating", urn(QUEUE, "q"), QUEUE, NODE, PROVIDER, {"name": "q"})


def test_only_creations_of_things_of_their_own_are_looked_for():
    exported = state(
        operation("creating", QUEUE, "q"),
        operation("deleting", QUEUE, "gone"),
        operation("updating", ROLE, "r"),
        operation("creating", ROLE_POLICY, "r"),
        operation("importing", BUCKET, "b"),
    )
    assert [one.urn for one in to_look_for(pending_in(exported), exported)] == [urn(QUEUE, "q"), urn(BUCKET, "b")]


def test_a_creation_that_the_state_has_as_done_is_not_looked_for():
    exported = state(operation("creating", QUEUE, "q"), resources=({"urn": urn(QUEUE, "q"), "type": QUEUE},))
    assert to_look_for(pending_in(exported), exported) == ()


def test_what_has_the_tags_of_federation_and_node_is_adopted_under_its_id():
    found = settle([candidate(Sighting("b", OURS), began=False)])
    assert [one.id for one in found.adopted] == ["b"] and not found.refused


def test_what_is_not_there_is_absent():
    assert settle([candidate(None)]).absent == (urn(BUCKET, "x"),)


def test_an_untagged_empty_thing_is_ours_only_where_we_began_it():
    assert settle([candidate(Sighting("b", {}), began=True)]).adopted
    assert settle([candidate(Sighting("b", {}), began=False)]).refused


def test_an_untagged_bucket_that_holds_something_is_never_ours():
    assert settle([candidate(Sighting("b", {}, empty=False), began=True)]).refused


def test_the_tags_of_another_federation_or_node_are_refused_whoever_began():
    for tags in (ownership_tags("other", "a"), ownership_tags("cardio", "b")):
        assert settle([candidate(Sighting("b", tags), began=True)]).refused


def test_a_subscription_is_told_by_its_endpoint():
    assert settle([candidate(Sighting("arn"), began=False)]).adopted


def test_names_in_the_inputs_say_what_to_look_for():
    account, region = "111111111111", "eu-west-1"

    def of(kind: str, **inputs: str) -> Sought | None:
        return sought(Pending("creating", "", kind, "", "", inputs), account, region)

    assert of(TOPIC, name="cardio") == Sought(TOPIC, "arn:aws:sns:eu-west-1:111111111111:cardio")
    assert of(QUEUE, name="q") == Sought(QUEUE, "q")
    policy = "aws:iam/policy:Policy"
    assert of(policy, name="p", path="/f/") == Sought(policy, "arn:aws:iam::111111111111:policy/f/p")
    subscription = "aws:sns/topicSubscription:TopicSubscription"
    assert of(subscription, topic="t", endpoint="e") == Sought(subscription, "t", "e")
    assert of("aws:ec2/instance:Instance") is None


def test_the_import_file_names_each_parent_and_provider_once():
    one = Adoption(urn(QUEUE, "q"), QUEUE, "https://q", NODE, PROVIDER)
    other = Adoption(urn(BUCKET, "b"), BUCKET, "b", NODE, PROVIDER, "eu-west-1")
    document = import_document([one, other])
    assert document["nameTable"] == {"n0": NODE, "n1": PROVIDER}
    assert document["resources"] == [
        {"type": QUEUE, "name": "q", "id": "https://q", "parent": "n0", "provider": "n1"},
        {"type": BUCKET, "name": "b", "id": "b@eu-west-1", "parent": "n0", "provider": "n1"},
    ]


def test_clearing_leaves_everything_else_and_the_given_state_alone():
    exported = state(operation("creating", QUEUE, "q"), resources=({"urn": "u", "type": "t"},))
    assert without_pending(exported)["deployment"] == {"resources": [{"urn": "u", "type": "t"}]}
    assert "pending_operations" in exported["deployment"]


def test_an_imported_part_comes_after_its_thing_and_depends_on_it():
    part = {"urn": urn(ROLE_POLICY, "r"), "type": ROLE_POLICY, "parent": NODE}
    role = {"urn": urn(ROLE, "r"), "type": ROLE, "parent": NODE}
    rows = completed({"deployment": {"resources": [part, role]}})["deployment"]["resources"]
    assert [row["type"] for row in rows] == [ROLE, ROLE_POLICY]
    assert rows[1]["dependencies"] == [role["urn"]]


def test_a_part_whose_dependencies_are_known_stays_where_it_is():
    part = {"urn": urn(ROLE_POLICY, "r"), "type": ROLE_POLICY, "parent": NODE, "dependencies": ["other"]}
    role = {"urn": urn(ROLE, "r"), "type": ROLE, "parent": NODE}
    assert completed({"deployment": {"resources": [part, role]}}) == {"deployment": {"resources": [part, role]}}


def test_what_nobody_knows_is_no_output():
    root = {"urn": "u", "type": "pulumi:pulumi:Stack", "outputs": {"federation": {"name": "cardio"}, "nodes": UNKNOWN}}
    [row] = completed({"deployment": {"resources": [root]}})["deployment"]["resources"]
    assert row["outputs"] == {"federation": {"name": "cardio"}}


def test_what_was_settled_is_told_a_line_each():
    cut_off = pending_in(state(operation("creating", QUEUE, "x"), operation("deleting", ROLE, "r")))
    found = settle([candidate(Sighting("q", OURS), kind=QUEUE)])
    assert told(found, cut_off) == (
        "aws:sqs:Queue x was made by the run that was cut off: adopted.",
        "aws:iam:Role r was cut off while deleting: it is done again.",
    )

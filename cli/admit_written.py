"""`fedml-infra admit FILE` with --branch or --no-apply: the member is written, and comes to be one later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedml_infra.operations.admission import Admission
    from fedml_infra.store.store import Store

    from .target import Target


def topic_known(on: Target, raw: bytes) -> str:
    """The topic of the hub by its last run; where that is out of reach, the one that the request is for."""
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations.admission import topic_of_request
    from fedml_infra.operations.invites import place_in

    from .output import warn

    try:
        outputs = on.engine.outputs(on.name)
    except FedmlError as error:
        topic = topic_of_request(raw, on.stack)
        warn(f"The state of {on.name} is out of reach: that its topic is {topic} is the request's word. {error.what}")
        return topic
    return str(place_in(on.stack, outputs)[0])


def write_member(on: Target, store: Store, topic: str, plan: Admission, *, as_json: bool) -> dict[str, Any]:
    """Use the invite up and write the member; for `--json`. Errors as `admit_member`, and as a push."""
    from fedml_infra.gitops.admitting import require_hub_key_in
    from fedml_infra.gitops.file_secrets import FileSecrets
    from fedml_infra.gitops.propose import listed
    from fedml_infra.operations.admission import admit_member
    from fedml_infra.operations.compare_rights import compare_rights

    from .written import outputs_known, proposed

    joining = plan.joining
    require_hub_key_in(on.stack)
    outputs = outputs_known(on)
    with FileSecrets(on.engine, on.stack.path) as secrets:
        done = admit_member(on.project, on.name, secrets, store, topic, joining)
    rights = compare_rights(outputs, done.changed.after.config)
    notes = (f"Account {joining.aws_id} asks for node {joining.pid}, by invite {plan.token.id}.", *plan.notes)
    title = f"Let account {joining.aws_id} into {on.name}"
    told = proposed(on, title, listed(rights, notes), as_json=as_json)
    return {"applied": False, "changed": done.changed.changed, **told}

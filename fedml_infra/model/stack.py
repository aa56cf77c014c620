"""One organisation's part in one federation: what a stack file says, validated and frozen."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from fedml_infra.model import fields
from fedml_infra.model.arns import Arn, policy_in
from fedml_infra.model.bucket import BucketName, BucketText
from fedml_infra.model.fields import LocalType, MessageFilter, Sharing
from fedml_infra.model.mistake import MistakeError, text
from fedml_infra.model.names import AccountId, FederationName, Pid, roster_bucket_name
from fedml_infra.model.regions import partition_of
from fedml_infra.model.rights import Rights, RightsList, Topology, default_rights
from fedml_infra.model.rules import Draft, findings
from fedml_infra.model.schedule import RetentionText, Schedule, ScheduleText

STS_LIFETIME = 3600
"""Seconds that a role assumed from role credentials lives at most (IAM, "Methods to assume a role": role chaining)."""


class _Frozen(BaseModel):
    # A message to a person must not repeat what was put into a secret by mistake.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AccountAccess(_Frozen):
    """How another account of this organisation is reached: an AWS profile, or a role to assume."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["profile"]}, {"required": ["assume_role"]}],
            "dependentRequired": {"external_id": ["assume_role"]},
        }
    )
    profile: Annotated[str, BeforeValidator(text), Field(min_length=1)] | None = Field(
        None, description="A profile of the AWS configuration files.", examples=["insel-prod"]
    )
    assume_role: fields.RoleArn | None = Field(
        None,
        description="ARN of a role to assume from the ambient credentials.",
        examples=["arn:aws:iam::123456789012:role/deploy"],
    )
    external_id: fields.ExternalId | None = Field(
        None, description="The external id that the role's trust policy asks for.", examples=["fed-42"]
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.profile is None) == (self.assume_role is None):
            raise MistakeError("needs exactly one of profile and assume_role", "write {profile: insel-prod}")
        if self.external_id is not None and self.assume_role is None:
            raise MistakeError("has an external_id without assume_role", "take external_id out or name the role")
        return self


class Member(_Frozen):
    """Another organisation's account on the roster."""

    aws_id: AccountId = Field(description="The member's AWS account id.", examples=["123456789012"])
    rights: RightsList | None = Field(
        None, description="What the member may do; what the topology gives if absent.", examples=[["publish"]]
    )
    nodes: tuple[Pid, ...] = Field((), description="The pids of the member's nodes.", examples=[["insel"]])
    public_key: fields.PublicKey | None = Field(
        None, description="The member's X25519 public key, base64 of 32 bytes.", examples=["A" * 43 + "="]
    )


class Node(_Frozen):
    """One of this organisation's own nodes."""

    pid: Pid = Field(description="The node's name, unique in the federation.", examples=["insel"])
    s3_bucket: BucketText = Field(
        description="Where its payloads lie, bucket or bucket/prefix.", examples=["insel-fed/updates"]
    )
    rights: RightsList | None = Field(
        None,
        description="What the node does; what the topology gives if absent. A publish-only node has no queue.",
        examples=[["publish"]],
    )
    adopt_bucket: fields.Boolean = Field(
        False, description="The bucket exists already: it is read and checked, never written to.", examples=[True]
    )
    aws_region: fields.Region | None = Field(
        None, description="Where its queue and bucket are; aws:region if absent.", examples=["eu-west-1"]
    )
    fed_local_type: Annotated[LocalType, BeforeValidator(fields.choice(LocalType)), fields.words(LocalType)] = Field(
        LocalType.CPU, description="What the node trains on.", examples=["gpu"]
    )
    account: AccountAccess | None = Field(
        None, description="The account that it is in; the ambient one if absent.", examples=[{"profile": "insel-prod"}]
    )
    node_role: fields.RoleName | None = Field(
        None, description="Name of an existing role that the node's policy is attached to.", examples=["trainer"]
    )


class StackConfig(_Frozen):
    """Everything that one stack file says. Field names are the keys of the file, in our namespace.

    Made by `validation.validate`, which tells all mistakes at once with their lines; made directly, the first
    pydantic ValidationError tells them.
    """

    fed_name: FederationName = Field(
        description="The federation's name: its topic, and the start of its queues' names.", examples=["cardio"]
    )
    sync_sched: ScheduleText = Field(
        description="How often nodes synchronise: m, h or d (minutes, hours, days) and a number.", examples=["m30"]
    )
    fed_secret_key: fields.FederationKey | None = Field(
        description="The federation's key, base64 of 16 bytes, encrypted.", examples=[{"secure": "v1:…"}]
    )
    """None where it was read from a file, encrypted: `sealed` then names it."""
    fed_epoch: fields.Epoch = Field(1, description="Which key this is, counted from 1.", examples=[2])
    fed_old_keys: fields.OldKeys = Field(
        (),
        description='Earlier keys, encrypted JSON {"<epoch>": {"key": …, "drop_after": <time>}}.',
        examples=[{"secure": "v1:…"}],
    )
    fed_encrypt: fields.Boolean = Field(False, description="Nodes encrypt the payload itself too.", examples=[True])
    topology: Annotated[Topology, BeforeValidator(fields.choice(Topology)), fields.words(Topology)] = Field(
        Topology.DECENTRALIZED, description="What rights are where absent.", examples=["centralized"]
    )
    members: tuple[Member, ...] = Field(
        (), description="Other organisations' accounts; only in the administrator's stack."
    )
    aws_topic_arn: fields.TopicArn | None = Field(
        None,
        description="The federation's topic; only in a joining organisation's stack, and what makes it one.",
        examples=["arn:aws:sns:us-east-1:123456789012:cardio"],
    )
    nodes: tuple[Node, ...] = Field((), description="This organisation's own nodes.")
    message_filter: Annotated[
        MessageFilter, BeforeValidator(fields.choice(MessageFilter)), fields.words(MessageFilter)
    ] = Field(
        MessageFilter.SENDER,
        description="sender: a node's own messages are kept from it; none: nodes set no sender, or there are > 180.",
        examples=["none"],
    )
    sharing: Annotated[Sharing, BeforeValidator(fields.choice(Sharing)), fields.words(Sharing)] = Field(
        Sharing.STS,
        description="How payloads are read by others: credentials in the message, or a bucket policy.",
        examples=["bucket_policy"],
    )
    retention: RetentionText = Field(
        Schedule("d", 14), description="How long queue and bucket prefix keep things, m1 to d14.", examples=["d7"]
    )
    kms_key_arn: fields.KmsKeyArn | None = Field(
        None,
        description="An own KMS key for queue, bucket, parameter and topic.",
        examples=["arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    )
    permissions_boundary: fields.PolicyArn | None = Field(
        None,
        description="The managed policy that bounds every role made; in another account, the one of its name there.",
        examples=["arn:aws:iam::123456789012:policy/boundary"],
    )
    iam_path: fields.IamPath = Field("/", description="Path of every role and policy made.", examples=["/fedml/"])
    tags: fields.Tags = Field(
        default_factory=lambda: MappingProxyType({}),
        description="Tags on everything made.",
        examples=[{"team": "cardiology"}],
    )
    protect: fields.Boolean = Field(
        False, description="The engine refuses to delete what the stack made.", examples=[True]
    )
    hub_key: fields.Secret | None = Field(
        None, description="The hub's signing key, encrypted.", examples=[{"secure": "v1:…"}]
    )
    member_key: fields.Secret | None = Field(
        None, description="A member's X25519 private key, encrypted.", examples=[{"secure": "v1:…"}]
    )
    hub_public_key: fields.PublicKey | None = Field(
        None,
        description="The hub's Ed25519 key, which signs the roster; only in a joining organisation's stack.",
        examples=["A" * 43 + "="],
    )
    roster_bucket: BucketName | None = Field(
        None,
        description="The hub's bucket for the roster; derived if absent.",
        examples=["cardio-roster"],
    )
    region: fields.Region = Field(
        description="aws:region: the hub's region, and that of nodes which name none.", examples=["us-east-1"]
    )
    sealed: frozenset[str] = frozenset()
    """Names of the secrets that are there but encrypted, so that their fields are empty."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        values = {name: getattr(self, name) for name in type(self).model_fields}
        draft = Draft(
            values, dict(enumerate(self.members)), dict(enumerate(self.nodes)), frozenset(self.model_fields_set)
        )
        found = findings(draft)
        if found:
            raise MistakeError("; ".join(str(finding) for finding in found))
        return self

    @property
    def is_hub(self) -> bool:
        """Whether this stack declares the hub: the administrator's does, a joiner's does not."""
        return self.aws_topic_arn is None

    @property
    def topic_region(self) -> str:
        """The region of the federation's topic."""
        return Arn.parse(self.aws_topic_arn).region if self.aws_topic_arn else self.region

    @property
    def topic_account(self) -> str | None:
        """The administrator's account id; None in the administrator's own stack, where it is asked of AWS."""
        return Arn.parse(self.aws_topic_arn).account if self.aws_topic_arn else None

    @property
    def partition(self) -> str:
        """The federation's partition."""
        return partition_of(self.topic_region)

    def member_rights(self, member: Member) -> Rights:
        """What a member may do."""
        return member.rights or default_rights(self.topology, "member")

    def node_rights(self, node: Node) -> Rights:
        """What one of this organisation's own nodes does."""
        return node.rights or default_rights(self.topology, "hub_node" if self.is_hub else "member")

    def node_region(self, node: Node) -> str:
        """Where a node's queue and bucket are."""
        return node.aws_region or self.region

    def roster_bucket_of(self, topic: Arn) -> str:
        """Where the roster of the federation with that topic lies."""
        return self.roster_bucket or roster_bucket_name(self.fed_name, topic.account, topic.region)

    def node(self, pid: str) -> Node:
        """The own node of that pid. KeyError where there is none."""
        for node in self.nodes:
            if node.pid == pid:
                return node
        raise KeyError(pid)

    def kms_key_in(self, region: str) -> str | None:
        """The customer's key as it is named in `region`: a multi-Region key has the same id in each of its regions."""
        if self.kms_key_arn is None:
            return None
        arn = Arn.parse(self.kms_key_arn)
        return str(Arn(arn.partition, arn.service, region, arn.account, arn.resource))

    def boundary_in(self, account: str) -> str | None:
        """The boundary of roles in `account`: the policy of that name in each account."""
        return self.permissions_boundary and policy_in(self.permissions_boundary, account)

    def has_secret(self, name: str) -> bool:
        """Whether the secret of that key is given, readable here or not."""
        return name in self.sealed or bool(getattr(self, name))

    def secret(self, name: str) -> SecretStr | None:
        """The secret of that key where it can be read here."""
        value = getattr(self, name)
        return value if isinstance(value, SecretStr) else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is allowed and may surprise, in plain sentences."""
        notes = []
        if self.sharing is Sharing.STS and self.sync_sched.seconds > STS_LIFETIME:
            notes.append(
                f"sync_sched {self.sync_sched} is longer than the hour that credentials in messages live: "
                "a node that comes later cannot read the payload. Set sharing: bucket_policy, or a shorter sync_sched."
            )
        if self.sync_sched.seconds >= self.retention.seconds:
            notes.append(
                f"sync_sched {self.sync_sched} is not shorter than retention {self.retention}: "
                "messages may be gone before a node comes for them."
            )
        if self.sharing is Sharing.BUCKET_POLICY:
            notes.extend(
                f"the bucket of {node.pid} is adopted, so its policy is not written: grant the members' accounts "
                f"s3:GetObject on {node.s3_bucket.objects} yourself."
                for node in self.nodes
                if node.adopt_bucket
            )
        return tuple(notes)

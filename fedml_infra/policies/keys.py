"""What a customer-managed KMS key's own policy must say. Its owner adds it: a key policy is one document, not ours."""

from __future__ import annotations

from collections.abc import Sequence

from fedml_infra.model.arns import Arn, root_arn
from fedml_infra.model.regions import dns_suffix, partition_of
from fedml_infra.model.resources import Grants, HubResources, NodeResources
from fedml_infra.model.rights import Right
from fedml_infra.policies.document import Document, allow, document

# In a key policy "*" is the key that carries it (AWS KMS, "Key policies in AWS KMS").
_THIS_KEY = "*"


def node_key_statements(node: NodeResources, readers: Sequence[str] = ()) -> Document:
    """What to add to the key of a node's queue and bucket; without a statement where nothing is needed.

    SNS must make and open data keys to send to an encrypted queue, for the federation's topic only (Amazon SQS, "Key
    management", Configure KMS permissions for AWS services). `readers` are the accounts that read payloads under
    `sharing: bucket_policy`. The principals of the key's own account need nothing here: KMS's default key policy leaves
    them to identity policies (AWS KMS, "Default key policy"); a key without that default needs the node's role added.
    A node in another account than its key's needs the key's consent as well (AWS KMS, "Allowing users in other
    accounts to use a KMS key"): its account may then decide who in it.
    """
    statements = []
    if node.queue_arn is not None:
        statements.append(
            allow(
                "AllowTopic",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                _THIS_KEY,
                principal={"Service": node.service_principal},
                condition={"ArnEquals": {"aws:SourceArn": node.topic_arn}},
            )
        )
    if node.kms_key_arn is not None and Arn.parse(node.kms_key_arn).account != node.account:
        statements.append(
            allow(
                "AllowNodeAccount",
                ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                _THIS_KEY,
                principal={"AWS": root_arn(node.partition, node.account)},
                condition={"StringEquals": {"kms:ViaService": node_services(node)}},
            )
        )
    others = sorted(set(readers) - {node.account}) if node.reader_role_arn is None else []
    if others:
        statements.append(
            allow(
                "AllowReaders",
                ["kms:Decrypt"],
                _THIS_KEY,
                principal={"AWS": [root_arn(node.partition, account) for account in others]},
                condition={"StringEquals": {"kms:ViaService": via("s3", node.region)}},
            )
        )
    return document(*statements)


def topic_key_statements(hub: HubResources, grants: Grants) -> Document:
    """What to add to the key of the topic: publishers' accounts use it, through SNS and for this topic only.

    (Amazon SNS, "Managing Amazon SNS encryption keys and costs": a publisher needs `kms:GenerateDataKey*` and
    `kms:Decrypt`; the encryption context holds the topic's ARN.)
    """
    publishers = sorted(a for a, rights in grants.items() if Right.PUBLISH in rights and a != hub.account)
    if not publishers:
        return document()
    return document(
        allow(
            "AllowPublishers",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            _THIS_KEY,
            principal="*",
            condition={
                "StringEquals": {
                    "aws:PrincipalAccount": publishers,
                    "kms:ViaService": via("sns", hub.region),
                    "kms:EncryptionContext:aws:sns:topicArn": hub.topic_arn,
                }
            },
        )
    )


def node_services(node: NodeResources) -> list[str]:
    """The values of `kms:ViaService` under which a node's own key is used: bucket, parameter and queue."""
    services = ["s3", "ssm"] + (["sqs"] if node.queue_arn is not None else [])
    return [via(service, node.region) for service in services]


def via(service: str, region: str) -> str:
    """The value of `kms:ViaService` where a service calls KMS for its caller, as `s3.eu-west-1.amazonaws.com`."""
    return f"{service}.{region}.{dns_suffix(partition_of(region))}"

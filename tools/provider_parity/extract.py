"""Makes `official.json`: what the official Terraform provider for AWS takes and tells, of the types that we emulate.

    python -m pip download --no-deps cdktf-cdktf-provider-aws==21.22.1
    python tools/provider_parity/extract.py cdktf_cdktf_provider_aws-21.22.1-py3-none-any.whl

That package is generated from the provider's own schema (hashicorp/aws 6.25.0, the last that was published so), and
tells which arguments are required, which are optional, and which attributes only AWS sets. What forces a replacement
and what is optional and computed it does not tell: `replacement.json`, read by hand in the provider's source, does.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

PACKAGE = "cdktf_cdktf_provider_aws"
PROVIDER = "hashicorp/aws 6.25.0"
OUTPUT = Path(__file__).with_name("official.json")

META = frozenset(
    {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
    | {"id", "timeouts", "tags_all", "TF_RESOURCE_TYPE"}
)
"""Arguments of every resource there, and what Pulumi has in another way."""

TYPES: dict[str, tuple[str, dict[str, str]]] = {
    "aws:sns/topic:Topic": ("sns_topic", {}),
    "aws:sns/topicPolicy:TopicPolicy": ("sns_topic_policy", {}),
    "aws:sns/topicSubscription:TopicSubscription": ("sns_topic_subscription", {"topic_arn": "topic"}),
    "aws:sqs/queue:Queue": ("sqs_queue", {}),
    "aws:sqs/queuePolicy:QueuePolicy": ("sqs_queue_policy", {}),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": ("sqs_queue_redrive_allow_policy", {}),
    "aws:s3/bucket:Bucket": (
        "s3_bucket",
        {"cors_rule": "corsRules", "grant": "grants", "lifecycle_rule": "lifecycleRules"},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ("s3_bucket_policy", {}),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ("s3_bucket_public_access_block", {}),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ("s3_bucket_ownership_controls", {}),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "s3_bucket_server_side_encryption_configuration",
        {"rule": "rules"},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        "s3_bucket_lifecycle_configuration",
        {"rule": "rules"},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ("s3_bucket_versioning", {}),
    "aws:iam/role:Role": ("iam_role", {"inline_policy": "inlinePolicies"}),
    "aws:iam/rolePolicy:RolePolicy": ("iam_role_policy", {}),
    "aws:iam/policy:Policy": ("iam_policy", {}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("iam_role_policy_attachment", {}),
    "aws:ssm/parameter:Parameter": ("ssm_parameter", {}),
}
"""Pulumi's type: Terraform's, and the names that Pulumi has otherwise (plural, or shorter)."""


def of_type(source: str, renamed: dict[str, str]) -> dict[str, Any]:
    """Required and optional arguments and computed attributes of one module's resource class, in camelCase."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    resource = next(
        node for node in classes if any(ast.unparse(base).endswith("TerraformResource") for base in node.bases)
    )
    functions = [node for node in resource.body if isinstance(node, ast.FunctionDef)]
    init = next(node.args for node in functions if node.name == "__init__")
    arguments = dict(zip((argument.arg for argument in init.kwonlyargs), init.kw_defaults, strict=True))
    attributes = {
        node.name
        for node in functions
        if any("jsii.member" in ast.unparse(decorator) for decorator in node.decorator_list)
        and any(ast.unparse(decorator) == "builtins.property" for decorator in node.decorator_list)
    }
    # What has an input beside it is an argument's own value.
    computed = {name for name in attributes if not name.endswith("_input") and f"{name}_input" not in attributes}

    def camel(found: set[str]) -> list[str]:
        return sorted(renamed.get(name) or re.sub(r"_(\w)", lambda m: m[1].upper(), name) for name in found)

    return {
        "required": camel({name for name, default in arguments.items() if default is None} - META),
        "optional": camel({name for name, default in arguments.items() if default is not None} - META),
        "computed": camel(computed - META),
    }


def main(wheel: Path) -> None:
    """Write the extract."""
    types = {}
    with zipfile.ZipFile(wheel) as archive:
        for type_, (module, renamed) in TYPES.items():
            source = archive.read(f"{PACKAGE}/{module}/__init__.py").decode()
            types[type_] = {"terraform": f"aws_{module}", **of_type(source, renamed)}
    document = {"provider": PROVIDER, "package": wheel.name, "types": types}
    OUTPUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

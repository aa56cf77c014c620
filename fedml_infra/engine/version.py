"""The one version of the Pulumi engine this project runs, and of the AWS plugin its programs ask for."""

from __future__ import annotations

ENGINE_VERSION = "3.259.0"
"""Engine and Python SDK go together; tools/pulumi/go.mod pins the same version."""

AWS_PLUGIN_VERSION = "7.51.1"
"""Version of the `aws` resource plugin that pulumi-aws of the same version asks for."""

"""A federation on AWS: what the stack's configuration says, and nothing else."""

import pulumi

from fedml_infra.program import federation_from_configuration

federation = federation_from_configuration()
pulumi.export("federation", federation.federation)
pulumi.export("nodes", federation.nodes)

"""The Pulumi components of a federation, usable from anyone's own program."""

from fedml_infra.program.configuration import federation_from_configuration
from fedml_infra.program.federation import Federation, FederationArgs
from fedml_infra.program.hub import Hub, HubArgs
from fedml_infra.program.node import Node, NodeArgs

__all__ = ["Federation", "FederationArgs", "Hub", "HubArgs", "Node", "NodeArgs", "federation_from_configuration"]

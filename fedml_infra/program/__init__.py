"""The Pulumi components of a federation, usable from anyone's own program, with the values that they take."""

from fedml_infra.model.resources import HubResources, NodeResources
from fedml_infra.program.configuration import federation_from_configuration
from fedml_infra.program.federation import Federation, FederationArgs
from fedml_infra.program.hub import Hub, HubArgs
from fedml_infra.program.node import Node, NodeArgs, node_secret
from fedml_infra.program.stranger_removal import StrangerRemoval

__all__ = [
    "Federation",
    "FederationArgs",
    "Hub",
    "HubArgs",
    "HubResources",
    "Node",
    "NodeArgs",
    "NodeResources",
    "StrangerRemoval",
    "federation_from_configuration",
    "node_secret",
]

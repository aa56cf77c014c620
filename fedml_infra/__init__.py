"""Provisions the AWS side of a federated-learning federation, with Pulumi."""

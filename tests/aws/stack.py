"""Configurations and resources that these tests speak of."""

from __future__ import annotations

from typing import Any

from fedml_infra.model.resources import NodeResources, node_resources
from fedml_infra.model.stack import StackConfig

from .conftest import ACCOUNT, REGION

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:cardio"


def hub(**rest: Any) -> StackConfig:
    return StackConfig.model_validate(
        {
            "fed_name": "cardio",
            "sync_sched": "m30",
            "fed_secret_key": "EYpWjGPaoMoFUb/jfW95PQ==",
            "region": REGION,
            "nodes": [{"pid": "charite", "s3_bucket": "charite-fed/updates"}],
            **rest,
        }
    )


def node(**rest: Any) -> NodeResources:
    config = hub(**rest)
    return node_resources(config, config.nodes[0], account=ACCOUNT, topic_arn=TOPIC)

"""Request maps <-> stack configuration values. A renaming of nothing: a map's keys are the stack's.

A map describes one node, so the keys of a node go into one entry of `nodes`. What is secret is taken out into values
that do not print themselves; AWS keys are never configuration.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.arns import Arn
from fedml_infra.model.fields import federation_key
from fedml_infra.model.mistake import MistakeError, kind_of
from fedml_infra.model.regions import normalise_region
from fedml_infra.model.validation import BOOLEANS, INTEGERS, KEYS, NAMESPACE, REGION_KEY, SECRETS, STRUCTURED
from fedml_infra.wire.spellings import canonical
from fedml_infra.wire.tokens import token

AWS_KEYS = frozenset({"aws_access_key", "aws_secret_key"})
CREATE_KEYS = frozenset({"pid", "fed_name", "aws_region", "s3_bucket", "sync_sched"})
"""What `create` needs; over REST also AWS_KEYS."""
JOIN_KEYS = CREATE_KEYS | {"aws_id", "aws_topic_arn", "aws_topic_region", "fed_req_token"}
"""What every join needs; over REST also AWS_KEYS."""
JOIN_V1_KEYS = JOIN_KEYS | {"fed_secret_key", "fed_rest_url"}
JOIN_V2_KEYS = JOIN_KEYS | {"topology", "hub_public_key", "roster_bucket", "expires"}

NODE_KEYS = ("pid", "s3_bucket", "rights", "adopt_bucket", "fed_local_type", "node_role")
JOINING_KEYS = ("fed_rest_url", "fed_req_token", "hub_public_key", "expires")

_BOOLEANS = BOOLEANS | {"adopt_bucket"}
_STACK_KEYS = tuple(key for key in KEYS if key not in SECRETS and key not in {"nodes", "members"})
_EXAMPLES = {
    "pid": "insel",
    "fed_name": "cardio",
    "aws_region": "us-east-1",
    "s3_bucket": "cardio-insel/updates",
    "sync_sched": "m30",
}


@dataclass(frozen=True)
class AwsKeys:
    """AWS keys of a map: used for one run, stored nowhere."""

    access_key: SecretStr
    secret_key: SecretStr


@dataclass(frozen=True)
class Joining:
    """What a joiner's map has of the invite that is not configuration."""

    fed_req_token: SecretStr
    fed_rest_url: str | None = None
    hub_public_key: str | None = None
    roster_bucket: str | None = None
    expires: str | None = None


@dataclass(frozen=True)
class StackRequest:
    """A request map, taken apart. Nothing secret in it prints itself."""

    values: Mapping[str, Any]
    """Plain values by full key, as a stack file has them, without secrets; `model.validation` has not seen them."""
    fed_secret_key: SecretStr | None = None
    aws_keys: AwsKeys | None = None
    aws_id: str | None = None
    """The account that the map names."""
    joining: Joining | None = None
    ignored: tuple[str, ...] = ()
    """Keys that mean nothing here."""


def from_map(given: Mapping[str, Any], required: Collection[str], *, pid: str | None = None) -> StackRequest:
    """The configuration values of a request map, in either spelling of its keys.

    `required`: CREATE_KEYS and the like. `pid`: the node's name where the map does not have it. Empty text counts as
    absent. ConfigurationError names everything missing or wrong at once, and repeats no secret.
    """
    asked = {key: value for key, value in canonical(given).items() if value != ""}
    reading = _Reading(asked)
    if pid is not None and asked.setdefault("pid", pid) != pid:
        reading.problem("pid", f"is {asked['pid']!r} in the map, and {pid!r} was asked for", "keep one of them")
    for key in sorted(set(required) - set(asked), key=_order):
        reading.problem(key, "is missing", f"write {key}: {_EXAMPLES[key]}" if key in _EXAMPLES else None)
    request = reading.request()
    if reading.problems:
        raise ConfigurationError("The request map cannot be used:", reading.problems)
    return request


def to_map(request: StackRequest) -> dict[str, str]:
    """The map of configuration values: the inverse of `from_map`, secrets in clear, as it is to be encrypted.

    ConfigurationError where the values say what no map can: several nodes, a node's own region or account.
    """
    found: dict[str, str] = {}
    for full, value in request.values.items():
        key = "aws_region" if full == REGION_KEY else full.removeprefix(NAMESPACE)
        if key == "nodes":
            found |= _of_node(value)
        else:
            found[key] = _written(key, value)
    if "aws_topic_arn" in found:
        found["aws_topic_region"] = Arn.parse(found["aws_topic_arn"]).region
    if request.fed_secret_key is not None:
        found["fed_secret_key"] = request.fed_secret_key.get_secret_value()
    if request.aws_keys is not None:
        found["aws_access_key"] = request.aws_keys.access_key.get_secret_value()
        found["aws_secret_key"] = request.aws_keys.secret_key.get_secret_value()
    if request.aws_id is not None:
        found["aws_id"] = request.aws_id
    if request.joining is not None:
        for field in fields(request.joining):
            value = getattr(request.joining, field.name)
            if value is not None:
                found[field.name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return found


class _Reading:
    """One map being read: what is wrong with it is collected."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.problems: list[Problem] = []

    def problem(self, key: str, message: str, fix: str | None = None) -> None:
        self.problems.append(Problem(key, message, fix))

    def request(self) -> StackRequest:
        for key, value in list(self.asked.items()):
            if not isinstance(value, str):
                self.problem(key, f"must be text, not {kind_of(value)}", "put it in quotes")
                del self.asked[key]
        joins = "aws_topic_arn" in self.asked
        # What a joiner is told of the hub comes with its invite, and is `joining`.
        ours = [key for key in (*_STACK_KEYS, "members") if not (joins and key in {"roster_bucket", "hub_public_key"})]
        region = {REGION_KEY: self.region("aws_region")} if "aws_region" in self.asked else {}
        stack = {NAMESPACE + key: self.plain(key) for key in ours if key in self.asked}
        node = {key: self.plain(key) for key in NODE_KEYS if key in self.asked}
        self.same_topic_region()
        known = {*ours, *NODE_KEYS, *JOINING_KEYS, *AWS_KEYS, "aws_region", "aws_topic_region", "aws_id"}
        known |= {"fed_secret_key", "roster_bucket"}
        return StackRequest(
            values={**region, **stack, **({NAMESPACE + "nodes": [node]} if node else {})},
            fed_secret_key=self.secret("fed_secret_key"),
            aws_keys=self.aws_keys(),
            aws_id=self.asked.get("aws_id"),
            joining=self.joining(joins),
            ignored=tuple(key for key in self.asked if key not in known),
        )

    def plain(self, key: str) -> Any:
        """A value as a stack file has it; None where it is wrong, which is told."""
        text: str = self.asked[key]
        if key in _BOOLEANS:
            if text.lower() not in ("true", "false"):
                self.problem(key, f"must be true or false, not {text!r}")
            return text.lower() == "true"
        if key in INTEGERS:
            if not (text.isascii() and text.isdecimal() and len(text) < 10):
                self.problem(key, f"must be a whole number, not {text!r}")
                return None
            return int(text)
        if key == "rights":
            return [word.strip() for word in text.split(",")]
        if key in STRUCTURED:
            try:
                return json.loads(text)
            except ValueError:
                self.problem(key, "is not JSON")
                return None
        return text

    def region(self, key: str) -> str | None:
        try:
            return normalise_region(self.asked[key])
        except MistakeError as mistake:
            self.problem(key, mistake.what, mistake.fix)
            return None

    def same_topic_region(self) -> None:
        if not {"aws_topic_arn", "aws_topic_region"} <= set(self.asked):
            return
        region = self.region("aws_topic_region")
        try:
            actual = Arn.parse(self.asked["aws_topic_arn"]).region
        except ValueError as error:
            self.problem("aws_topic_arn", str(error))
            return
        if region is not None and region != actual:
            self.problem("aws_topic_region", f"is {region}, and aws_topic_arn is in {actual}", "keep to the invite")

    def secret(self, key: str) -> SecretStr | None:
        if key not in self.asked:
            return None
        try:
            return token(self.asked[key]) if key == "fed_req_token" else federation_key(self.asked[key])
        except MistakeError as mistake:
            self.problem(key, mistake.what, mistake.fix)
            return None

    def aws_keys(self) -> AwsKeys | None:
        there = AWS_KEYS & set(self.asked)
        if there == AWS_KEYS:
            return AwsKeys(SecretStr(self.asked["aws_access_key"]), SecretStr(self.asked["aws_secret_key"]))
        told = {problem.key for problem in self.problems}
        for key in AWS_KEYS - there if there else ():
            if key not in told:
                self.problem(key, "is missing, and the other of the two is there")
        return None

    def joining(self, joins: bool) -> Joining | None:
        secret = self.secret("fed_req_token")
        if not joins or secret is None:
            return None
        return Joining(secret, *(self.asked.get(f.name) for f in fields(Joining)[1:]))


def _of_node(nodes: Any) -> dict[str, str]:
    if len(nodes) != 1:
        raise ConfigurationError(f"A request map describes one node, and these are {len(nodes)}.")
    (node,) = nodes
    if beyond := sorted(set(node) - set(NODE_KEYS)):
        raise ConfigurationError(f"A request map has no key for a node's {', '.join(beyond)}.")
    return {key: _written(key, value) for key, value in node.items()}


def _written(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if key == "rights":
        return ",".join(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if key in STRUCTURED else str(value)


def _order(key: str) -> tuple[int, str]:
    order = [*KEYS, *NODE_KEYS]
    return (order.index(key) if key in order else len(order), key)

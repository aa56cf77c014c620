"""The pack as Pulumi's policy SDK serves it; runs in the environment that `place.py` makes, and nowhere else."""

# ruff: noqa: N802 - a name of the protocol's

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pulumi_policy as sdk
from pulumi_policy import policy as servicing
from pulumi_policy.proxy import UnknownValueError

from fedml_infra.gitops.policy_pack.rights import Configuration, rights_are_as_configured
from fedml_infra.gitops.policy_pack.rules import (
    MEMBERS_RIGHTS,
    NOT_KNOWN_YET,
    RESOURCE_RULES,
    STACK_RULES,
    ResourceRule,
    StackRule,
)
from fedml_infra.gitops.policy_pack.seen import UNKNOWN, Finding, Resource, Stack

NAME = "fedml-infra"
Report = Callable[..., None]


class Run:
    """What is remembered of the one run that this process judges."""

    def __init__(self) -> None:
        self.stack = ""
        self.is_preview = True
        self.configuration = Configuration({})
        self.inputs: dict[str, Mapping[str, Any]] = {}
        """By URN: what the program asks for. A stack is judged by it, as its resources come with their outputs, in
        which what AWS chose itself looks the same."""


RUN = Run()


class Servicer(servicing._PolicyAnalyzerServicer):  # type: ignore[misc]
    """The SDK's, which hands neither configuration nor stack on to its policies (1.21.0; analyzer.proto has both)."""

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        RUN.stack = request.stack
        RUN.is_preview = request.dry_run
        RUN.configuration = Configuration.of(dict(request.config), frozenset(request.config_secret_keys))
        return super().ConfigureStack(request, context)


def plain(value: Any) -> Any:
    """What the SDK hands over, with `UNKNOWN` where its own mappings and lists would raise."""
    if isinstance(value, Mapping):
        return {key: _at(value, key) for key in value}
    if not isinstance(value, str) and hasattr(value, "__getitem__") and hasattr(value, "__len__"):
        return [_at(value, at) for at in range(len(value))]
    return value


def _at(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def _resource(args: Any) -> Resource:
    RUN.inputs[args.urn] = plain(args.props)
    return Resource(args.urn, args.resource_type, RUN.inputs[args.urn])


def _stack(args: Any) -> Stack:
    resources = []
    for each in args.resources:
        outputs = plain(each.props)
        links = {name: frozenset(one.urn for one in several) for name, several in each.property_dependencies.items()}
        inputs = RUN.inputs.get(each.urn, outputs)
        resources.append(Resource(each.urn, each.resource_type, inputs, outputs, links))
    return Stack(tuple(resources))


def _of_resource(rule: ResourceRule) -> Any:
    def validate(args: Any, report: Report) -> None:
        _report((each for each in rule.judge(_resource(args)) if each.known or not RUN.is_preview), report)

    return sdk.ResourceValidationPolicy(
        name=rule.name, description=rule.says, validate=validate, enforcement_level=sdk.EnforcementLevel.MANDATORY
    )


def _of_stack(rule: StackRule) -> Any:
    def validate(args: Any, report: Report) -> None:
        # When all has been made, what still cannot be told is refused: nothing passes for being obscure.
        findings = rule.judge(_stack(args))
        _report((each for each in findings if each.known or not RUN.is_preview), report)

    return sdk.StackValidationPolicy(
        name=rule.name, description=rule.says, validate=validate, enforcement_level=sdk.EnforcementLevel.MANDATORY
    )


def _report(findings: Iterable[Finding], report: Report) -> None:
    for finding in dict.fromkeys(findings):
        report(str(finding), finding.urn or None)


def _rights(stack: Stack) -> Iterator[Finding]:
    return rights_are_as_configured(stack, RUN.configuration, RUN.stack)


def _not_known(args: Any, report: Report) -> None:
    if RUN.is_preview:
        resource = _resource(args)
        _report((found for rule in RESOURCE_RULES for found in rule.judge(resource) if not found.known), report)


def _not_known_of_stack(args: Any, report: Report) -> None:
    if RUN.is_preview:
        stack = _stack(args)
        _report((found for rule in _STACK_RULES for found in rule.judge(stack) if not found.known), report)


_STACK_RULES = (*STACK_RULES, StackRule(*MEMBERS_RIGHTS, _rights))


def serve() -> None:
    """Serve the pack until the engine ends it."""
    # `PolicyPack` takes no servicer, and starts the one of this name.
    servicing._PolicyAnalyzerServicer = Servicer
    advice = {"description": "What cannot be judged yet.", "enforcement_level": sdk.EnforcementLevel.ADVISORY}
    sdk.PolicyPack(
        name=NAME,
        enforcement_level=sdk.EnforcementLevel.MANDATORY,
        policies=[
            *(_of_resource(rule) for rule in RESOURCE_RULES),
            *(_of_stack(rule) for rule in _STACK_RULES),
            sdk.ResourceValidationPolicy(name=NOT_KNOWN_YET, validate=_not_known, **advice),
            sdk.StackValidationPolicy(name=f"{NOT_KNOWN_YET}-of-stack", validate=_not_known_of_stack, **advice),
        ],
    )

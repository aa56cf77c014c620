"""What the engine said when it failed -> one of our errors: what happened, to which thing, and what to do next.

The engine has no machine-readable errors, so one table of patterns is tried in order, on its messages and on what it
wrote to standard error. Every pattern is held to a real sample in tests/engine/test_failures.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from fedml_infra.engine.aws_refusals import refusal_in
from fedml_infra.engine.credential_failures import expired, unknown
from fedml_infra.engine.ended_early import PLUGIN_GONE, engine_killed, plugin_gone
from fedml_infra.engine.events import Diagnostic, label
from fedml_infra.engine.locks import locked
from fedml_infra.engine.plan_refusals import OFF_PLAN, off_plan
from fedml_infra.engine.protocol import NotYetAllowedError
from fedml_infra.errors import (
    AuthenticationError,
    CancelledError,
    ConfigurationError,
    EngineError,
    FedmlError,
    NetworkError,
    PolicyError,
    ResourceError,
    StackNotFoundError,
    TimedOutError,
)


class DamagedStateError(EngineError):
    """The engine cannot read the state that the backend has."""


@dataclass(frozen=True)
class Failure:
    """All that is known about a failed run, secrets taken out already."""

    operation: str
    stack: str | None = None
    stderr: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    violations: tuple[Diagnostic, ...] = ()
    done: int = 0
    """Resources that were settled before it failed."""
    stopped: bool = False
    timed_out_after: float | None = None
    status: int = 1
    stacks: tuple[str, ...] = ()
    """Names that there are, for a name that there is not."""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self.diagnostics if found.severity == "error")

    @property
    def text(self) -> str:
        return "\n".join([*(found.message for found in self.errors), self.stderr])


Make = Callable[[re.Match[str], Failure], FedmlError]

_PROTECTED = re.compile(
    r"resource \"(?P<a>urn:[^\"]+)\" cannot be deleted\s+because it is protected"
    r"|unable to (?:replace|delete) resource \"(?P<b>urn:[^\"]+)\"\s+as [\w ]*is currently marked for protection"
)


def _of_stack(failure: Failure) -> str:
    return f"stack {failure.stack}" if failure.stack else "this project"


def _fixed(kind: type[FedmlError], what: str, fix: str) -> Make:
    def make(match: re.Match[str], failure: Failure) -> FedmlError:
        names = {name: value or "" for name, value in match.groupdict().items()}
        words = {"of": _of_stack(failure), "stack": failure.stack or "", "operation": failure.operation, **names}
        return kind(what.format(**words), fix=fix.format(**words))

    return make


def _no_stack(match: re.Match[str], failure: Failure) -> FedmlError:
    near = get_close_matches(match["name"], failure.stacks, 1)
    fix = f"There are files of: {', '.join(failure.stacks)}." if failure.stacks else "`fedml-infra create` makes one."
    if near and near[0] != match["name"]:
        fix = f"Was {near[0]} meant? {fix}"
    return StackNotFoundError(f"There is no stack {match['name']} in the state backend", fix=fix)


def _locked(_: re.Match[str], failure: Failure) -> FedmlError:
    return locked(_of_stack(failure), failure.text)


def _protected(match: re.Match[str], _: Failure) -> FedmlError:
    return ResourceError(
        f"{label(match['a'] or match['b'])} is protected, so it was not deleted or replaced",
        fix="`protect: true` in the stack file stops that. `fedml-infra destroy` lifts it after asking; "
        "for a replacement set `protect: false`, run `up`, and make the change then.",
    )


_CREDENTIALS_FIX = "`aws sts get-caller-identity` shows who you are; log in again, or name a profile with AWS_PROFILE."
_BACKEND_FIX = (
    "Choose one: `pulumi login --local` keeps states on this machine; "
    "PULUMI_BACKEND_URL=s3://BUCKET?region=REGION keeps them in a bucket of your account."
)

TABLE: tuple[tuple[re.Pattern[str], Make], ...] = tuple(
    (re.compile(pattern, re.MULTILINE) if isinstance(pattern, str) else pattern, make)
    for pattern, make in (
        (r"no stack named '(?P<name>[^']*)' found", _no_stack),
        (
            r"no stack selected",
            _fixed(StackNotFoundError, "No stack is named", "Name one with -s STACK."),
        ),
        (r"the stack is currently locked by|\[409\] Conflict: Another update is currently in progress", _locked),
        (
            r"passphrase must be set with PULUMI_CONFIG_PASSPHRASE",
            _fixed(
                AuthenticationError,
                "The secrets of {of} need a passphrase, and none is set",
                "Set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it.",
            ),
        ),
        (
            r"incorrect passphrase",
            _fixed(
                AuthenticationError,
                "The passphrase is not the one that the secrets of {of} were encrypted with",
                "Correct PULUMI_CONFIG_PASSPHRASE (or the file that PULUMI_CONFIG_PASSPHRASE_FILE names).",
            ),
        ),
        (
            r"PULUMI_ACCESS_TOKEN must be set for login",
            _fixed(ConfigurationError, "No state backend is chosen, so there is nowhere to keep states", _BACKEND_FIX),
        ),
        (
            r"unable to open (?:state directory|bucket)[^\n]*|error opening bucket[^\n]*|could not list bucket:[^\n]*"
            r"|unable to check if bucket[^\n]*|unknown backend[^\n]*|no driver registered for[^\n]*",
            lambda match, _: ConfigurationError(f"The state backend cannot be used: {match[0]}", fix=_BACKEND_FIX),
        ),
        (
            r"no Pulumi\.yaml project file found",
            _fixed(ConfigurationError, "There is no Pulumi.yaml here", "Name the project's folder with -C DIR."),
        ),
        (
            r"Missing required configuration variable '(?P<key>[^']+)'"
            r"|is missing configuration value '(?P<other>[^']+)'",
            _fixed(ConfigurationError, "The file of {of} lacks {key}{other}", "Add it under `config:`."),
        ),
        (
            r"failed to load language plugin (?P<plugin>\w+)|no language plugin '(?P<other>[^']+)'",
            lambda _, failure: EngineError(
                f"The engine could not start the program's language: {_last_lines(failure.text, 2)}",
                fix="`python -m fedml_infra.engine.install` puts engine and language host right.",
            ),
        ),
        (
            r"(?:Could not automatically download and install|no) resource plugin '?(?:pulumi-resource-)?"
            r"(?P<plugin>[a-z]+(?:-[a-z]+)*)",
            _fixed(
                EngineError,
                "The engine has no plugin for {plugin} and cannot download one",
                "With internet it is downloaded by itself. Without, use the sandbox: `fedml-infra sandbox env`.",
            ),
        ),
        (
            r"ExpiredToken(?:Exception)?|RequestExpired|security token included in the request is expired"
            r"|SSO [Ss]ession (?:has|associated with this profile has) expired",
            expired,
        ),
        (
            r"AWS account ID not allowed: (?P<account>\d+)"
            r"|[Cc]redentials are (?:those )?of account (?P<other>\d+)",
            _fixed(
                AuthenticationError,
                "The AWS credentials are those of account {account}{other}, and the stack says another",
                _CREDENTIALS_FIX,
            ),
        ),
        (
            r"failed to get shared config profile, (?P<a>[^\s,]+)|config profile \((?P<b>[^)]+)\) could not be found",
            _fixed(
                AuthenticationError, "There is no AWS profile {a}{b} on this machine", "`aws configure list-profiles`."
            ),
        ),
        (
            r"IAM Role \((?P<role>[^)]+)\) cannot be assumed|operation error STS: AssumeRole\b",
            lambda match, _: AuthenticationError(
                f"The role {match['role'] or 'that a node names'} could not be assumed",
                fix="Its trust policy must name this account, and the external id must be the agreed one.",
            ),
        ),
        (
            r"[Nn]o valid credential sources|no EC2 IMDS role found|failed to (?:refresh cached|retrieve) credentials"
            r"|Unable to locate credentials|get credentials: ",
            _fixed(AuthenticationError, "There are no AWS credentials", _CREDENTIALS_FIX),
        ),
        (
            r"InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure"
            r"|security token included in the request is invalid",
            unknown,
        ),
        (PLUGIN_GONE, plugin_gone),
        (
            r"no such host|connection refused|i/o timeout|TLS handshake timeout|network is unreachable|connection reset"
            r"|Could not connect to the endpoint URL|Connect timeout on endpoint|x509: [^\n]*"
            r"|SSL validation failed[^\n]*",
            lambda match, _: NetworkError(
                f"AWS or the state backend cannot be reached: {match[0]}",
                fix="Check the network, proxies (HTTPS_PROXY), certificates (SSL_CERT_FILE) and AWS_ENDPOINT_URL.",
            ),
        ),
        (_PROTECTED, _protected),
        (OFF_PLAN, off_plan),
        (
            r"pending operations|interrupted while (?:creating|updating|deleting)",
            _fixed(
                EngineError,
                "An earlier run of {of} was cut off in the middle of an operation",
                "Run the same command of fedml-infra again: it settles what was under way.",
            ),
        ),
        (
            # The last ones are all that the engine says of a file whose attributes were cut off while being written.
            r"snapshot integrity|could not unmarshal deployment|could not deserialize deployment"
            r"|failed to load checkpoint|^error: (?:EOF|unexpected end of JSON input|place \d+: [^\n]*)$",
            _fixed(
                DamagedStateError, "The state of {of} is damaged", "`fedml-infra recover {stack}` rebuilds it from AWS."
            ),
        ),
    )
)


def classify(failure: Failure) -> FedmlError:
    """The error that says what `failure` means; EngineError with the engine's own last words where nothing fits."""
    if failure.timed_out_after is not None:
        return TimedOutError(
            f"The {failure.operation} of {_of_stack(failure)} was stopped: it took longer than "
            f"{failure.timed_out_after:g} s",
            fix=f"{failure.done} resources are settled; run the same command again, and it goes on from there.",
        )
    if failure.stopped:
        return CancelledError(
            f"The {failure.operation} of {_of_stack(failure)} was stopped",
            fix=f"{failure.done} resources are settled; run the same command again, and it goes on from there.",
        )
    mandatory = [found for found in failure.violations if found.severity == "mandatory"]
    if mandatory:
        told = "\n".join(f"  {label(found.urn) + ': ' if found.urn else ''}{found.message}" for found in mandatory)
        changed = f"{failure.done} resources were settled before" if failure.done and failure.operation == "up" else ""
        what = f"A policy forbids this:\n{told}"
        return PolicyError(what, fix=f"Change the stack file; {changed or 'nothing was changed in AWS'}.")
    for pattern, make in TABLE:
        match = pattern.search(failure.text)
        if match:
            return make(match, failure)
    if failure.status < 0:
        return engine_killed(failure)
    return _resource(failure) or _program(failure)


SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription::"
SUBSCRIBE_ADVICE = (
    "The topic's policy does not admit this account, or has for less than a minute: ask the federation's administrator "
    "whether the account is among `members` with the right to receive, and run the same command again."
)


def _resource(failure: Failure) -> FedmlError | None:
    """Errors that name a resource, with AWS's code where it has one."""
    found = [one for one in failure.errors if one.urn and "pulumi:pulumi:Stack" not in one.urn]
    if not found:
        return None
    told, refusals = [], []
    for one in found:
        refusal = refusal_in(one.message)
        if refusal:
            refusals.append(refusal)
        words = f"{refusal.code}: {refusal.message}".rstrip(": ") if refusal else _last_lines(one.message, 1)
        told.append(f"{label(one.urn or '')}: {words}")
    advice = dict.fromkeys(refusal.advice for refusal in refusals if refusal.advice)
    head = f"The {failure.operation} of {_of_stack(failure)} failed"
    if refusals:
        head = f"AWS refused part of the {failure.operation} of {_of_stack(failure)}"
    what = f"{head}: {told[0]}" if len(told) == 1 else head + ":\n" + "\n".join(f"  {line}" for line in told)
    if (
        all(SUBSCRIPTION in (one.urn or "") for one in found)
        and all(refusal.denied for refusal in refusals)
        and refusals
    ):
        return NotYetAllowedError(what, fix=SUBSCRIBE_ADVICE)
    return ResourceError(
        what, fix=" ".join(advice) or "What was done before stays; run the same command again when mended."
    )


def _program(failure: Failure) -> FedmlError:
    said = [one.message for one in failure.errors if one.message not in ("update failed", "preview failed")]
    unhandled = [one for one in said if one.startswith("Program failed with an unhandled exception")]
    if unhandled:
        return EngineError(unhandled[0])
    words = "\n".join(said) or _last_lines(failure.stderr, 5) or f"it said nothing, and ended with {failure.status}"
    return EngineError(f"The {failure.operation} of {_of_stack(failure)} failed: {words.removeprefix('error: ')}")


def _last_lines(text: str, count: int) -> str:
    return "\n".join([line.strip() for line in text.strip().splitlines() if line.strip()][-count:])

"""Whose the credentials are, where they are good for, what they may do, and whether the clocks agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fedml_infra.aws.sessions import Access
from fedml_infra.aws.simulation import Refusal, wanted_by
from fedml_infra.errors import AuthenticationError, FedmlError, PolicyError, ResourceError
from fedml_infra.model.arns import Arn
from fedml_infra.model.regions import home_region, is_opt_in, partition_of
from fedml_infra.operations.checks.finding import Finding, fail, ok, warn
from fedml_infra.operations.tools import Cloud
from fedml_infra.policies.document import Document

CLOCK_WARNS, CLOCK_FAILS = 60.0, 300.0
"""Seconds. A request must arrive within five minutes of its time stamp (IAM, "Elements of an AWS API request
signature", https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html)."""
NAMED = 5
"""Missing rights that a line names."""


@dataclass(frozen=True)
class Caller:
    """Who asks by one access, or why nobody knows."""

    access: Access
    users: tuple[str, ...]
    """Whose credentials they are: `the stack`, `node insel`."""
    arn: str | None = None
    error: FedmlError | None = None

    @property
    def account(self) -> str | None:
        """Its account's id."""
        return Arn.parse(self.arn).account if self.arn else None

    @property
    def who(self) -> str:
        """Its users in words."""
        return ", ".join(self.users)


def caller(aws: Cloud, access: Access, users: Sequence[str], region: str) -> Caller:
    """Ask STS who that is, in the stack's region, and where the account may not have that one, at home."""
    try:
        return Caller(access, tuple(users), aws.caller_arn(access, region))
    except AuthenticationError as error:
        home = home_region(partition_of(region))
        if not is_opt_in(region):
            return Caller(access, tuple(users), error=error)
        try:
            return Caller(access, tuple(users), aws.caller_arn(access, home))
        except FedmlError:
            return Caller(access, tuple(users), error=error)
    except FedmlError as error:
        return Caller(access, tuple(users), error=error)


def credentials(found: Caller) -> Finding:
    """What is known of a caller. Pure."""
    if found.error is not None:
        failed = fail("credentials", found.error)
        return Finding("credentials", failed.status, f"{found.who}: {failed.told}", failed.fix, failed.exit_code)
    return ok("credentials", f"{found.who}: account {found.account}, {found.access}, as {found.arn}")


def region(aws: Cloud, found: Caller, name: str) -> Finding:
    """Whether the caller's account has a region enabled. Raises what AWS says otherwise."""
    if aws.region_enabled(found.access, name):
        return ok("region", f"{name} is enabled in account {found.account}")
    closed = ResourceError(
        f"{name} is not enabled in account {found.account}: it does not know its credentials.",
        fix="Enable it (AWS console: Account, AWS Regions; or `aws account enable-region --region-name "
        f"{name}`), which takes some minutes, or choose another region.",
    )
    return fail("region", closed)


def clock(aws: Cloud, access: Access, where: str) -> Finding:
    """Whether this machine's clock agrees with AWS's; credentials that a wrong clock spoils do for this question."""
    try:
        ahead = aws.clock_ahead(access, where)
    except FedmlError as error:
        return warn("clock", f"Not looked at, as AWS could not be asked: {error.what}", error.fix)
    told = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's"
    if abs(ahead) >= CLOCK_FAILS:
        return fail("clock", AuthenticationError(f"This machine's clock is {told}.", fix="Set it by NTP."))
    if abs(ahead) >= CLOCK_WARNS:
        return warn("clock", f"{told}; AWS refuses from {CLOCK_FAILS:.0f} s on", "Set it by NTP.")
    # The header is in whole seconds.
    return ok("clock", told if abs(ahead) >= 2 else "agrees with AWS's")


def rights(aws: Cloud, found: Caller, region: str, documents: Sequence[Document], stack: str) -> Finding:
    """Whether the caller has the rights of `policies operator`, by IAM's simulator."""
    arn, account = found.arn, found.account
    assert arn is not None
    wanted = [each for document in documents for each in wanted_by(document)]
    try:
        refused = aws.refused(found.access, region, arn, wanted)
    except (PolicyError, ResourceError) as error:
        return warn(
            "rights",
            f"account {account}: not looked at, since IAM's simulator could not be asked ({error.what})",
            f"Allow iam:SimulatePrincipalPolicy, or compare by eye with `fedml-infra policies operator {stack}`.",
        )
    if not refused:
        return ok("rights", f"account {account}: {found.access} may do all that a run needs")
    missing = PolicyError(
        f"account {account}: {found.access} may not do {_named(refused)}.",
        fix=f"Attach what `fedml-infra policies operator {stack}` prints to {arn}"
        + ("; a policy denies some of it by name." if any(one.explicit for one in refused) else "."),
    )
    return fail("rights", missing)


def regions_of(needed: Mapping[Access, Sequence[str]]) -> Iterator[tuple[Access, str]]:
    """Each access with each region that it needs, once."""
    for access, names in needed.items():
        for name in dict.fromkeys(names):
            yield access, name


def _named(refused: Sequence[Refusal]) -> str:
    actions = list(dict.fromkeys(f"{one.action} on {one.resource}" for one in refused))
    more = f" and {len(actions) - NAMED} more" if len(actions) > NAMED else ""
    return ", ".join(actions[:NAMED]) + more

"""An AWS in memory that also keeps to `tools.Cloud`: for tests of operations and commands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from fedml_infra.aws.double import InMemoryAws
from fedml_infra.aws.ears import Ear
from fedml_infra.aws.identity_proof import UseOnce
from fedml_infra.aws.links import OwnSubscription, QueueLinks
from fedml_infra.aws.overview import Overview, RegionOverview
from fedml_infra.aws.roster_object import RosterChangedError, StoredRoster
from fedml_infra.aws.sessions import Access, Keys, check_account
from fedml_infra.aws.simulation import Refusal, Wanted
from fedml_infra.aws.standing import TopicKind
from fedml_infra.errors import NetworkError, PolicyError, ProofRefusedError
from fedml_infra.model.arns import Arn, queue_arn
from fedml_infra.model.names import probe_queue_name
from fedml_infra.model.proof import Challenge, Proof, ProofRefusal, amz_date
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.tags import owned_by


class InMemoryCloud(InMemoryAws):
    """AWS accounts in memory. `callers` gives an access's ARN, a user of its account where it says nothing.

    `ahead` is how many seconds this machine's clock is ahead; `regions_off` are those that no account has enabled;
    `rosters` are the published ones by bucket, which everybody may read, or only the accounts in `roster_readers`;
    `topic_tags` by ARN; `texts` are parameters' by name, `links` queues' by name, `filters` subscriptions' by endpoint,
    and `stale` what `stale_ears` finds; `denied` is what nobody may do by IAM's simulator, None where nobody may ask
    it.
    """

    def __init__(self, accounts: Mapping[Access, str], callers: Mapping[Access, str] | None = None) -> None:
        super().__init__(accounts)
        self.callers = dict(callers or {})
        self.ahead = 0.0
        self.regions_off: set[str] = set()
        self.topic_tags: dict[str, Mapping[str, str]] = {}
        self.denied: frozenset[str] | None = frozenset()
        self.dropped_locks: list[str] = []
        self.rosters: dict[str, StoredRoster] = {}
        self.roster_readers: set[str] | None = None
        self.texts: dict[str, str] = {}
        self.sts_calls = 0
        self.sts_down = False
        self.links: dict[str, QueueLinks] = {}
        self.filters: dict[str, Mapping[str, Any]] = {}
        self.stale: list[Ear] = []

    def keys_of(self, access: Access) -> Keys:
        """Keys that are the account's own, whose access is known from now on."""
        account = self.account_of(access, "us-east-1")
        keys = Keys(f"ASIA{account}", f"of {account}", "session")
        self._accounts[Access(keys=keys)] = account
        return keys

    def caller_arn(self, access: Access, region: str) -> str:
        """The ARN said at the beginning."""
        account = self.account_of(access, region)
        return self.callers.get(access, f"arn:aws:iam::{account}:user/someone")

    def sign_proof(self, access: Access, region: str, challenge: Challenge) -> Proof:
        """Signs as the account of these credentials, whose keys are its twelve digits."""
        account = self.account_of(access, region)
        return Proof(
            region,
            amz_date(datetime.now(UTC)),
            account,
            None,
            _signature(account, challenge),
            nonce=challenge.nonce,
            expires=challenge.expires,
        )

    def proven_account(self, proof: Proof, challenge: Challenge, *, now: datetime, use_once: UseOnce) -> str:
        """The account that signed, and counts in `sts_calls`. ProofRefusedError where nobody did, or the second time;
        NetworkError while `sts_down`."""
        if now >= challenge.expires:
            raise ProofRefusedError(ProofRefusal.EXPIRED, "the challenge of this proof has expired")
        if not use_once(challenge.once(), challenge.expires):
            raise ProofRefusedError(ProofRefusal.REPEATED, "this proof has been used before")
        self.sts_calls += 1
        if self.sts_down:
            raise NetworkError("STS gave no answer")
        if proof.signature != _signature(proof.access_key_id, challenge):
            raise ProofRefusedError(ProofRefusal.SIGNATURE, "AWS does not accept the signature of this proof")
        return proof.access_key_id

    def make_ear(self, access: Access, node: NodeResources, mark: str) -> Ear:
        """A queue in the node's account, which receives at once what it is subscribed to."""
        self.account_of(access, node.region)
        name = probe_queue_name(node.federation, mark)
        self._allow("sqs:CreateQueue", name)
        arn = queue_arn(node.region, node.account, name)
        return Ear(name, self.add_queue(node.account, node.region, name), arn, node.topic_arn)

    def subscribe_ear(self, access: Access, ear: Ear, match: Mapping[str, Sequence[str]]) -> Ear:
        """Subscribes it; nothing is filtered. PolicyError where `sns:Subscribe` is denied."""
        self.account_of(access, ear.region)
        self._allow("sns:Subscribe", ear.topic_arn)
        self.filters[ear.arn] = dict(match)
        return replace(ear, subscription_arn=self.add_subscription(ear.topic_arn, ear.arn).arn)

    def remove_ear(self, access: Access, ear: Ear) -> None:
        """Takes it away; PolicyError where `sqs:DeleteQueue` is denied."""
        self.account_of(access, ear.region)
        rows = self._topic(ear.topic_arn)
        rows[:] = [row for row in rows if row.endpoint != ear.arn]
        self._allow("sqs:DeleteQueue", ear.name)
        if ear in self.stale:
            self.stale.remove(ear)
        else:
            self.delete_queue(ear.url)

    def stale_ears(self, access: Access, node: NodeResources) -> tuple[Ear, ...]:
        """As was said."""
        self.account_of(access, node.region)
        self._allow("sqs:ListQueues", node.account)
        return tuple(self.stale)

    def queue_links(self, access: Access, region: str, name: str) -> QueueLinks | None:
        """As was said."""
        self.account_of(access, region)
        self._allow("sqs:GetQueueAttributes", name)
        return self.links.get(name)

    def own_subscription(self, access: Access, region: str, topic_arn: str, endpoint: str) -> OwnSubscription | None:
        """The subscription of the endpoint, raw, with the filter that was said."""
        self.account_of(access, region)
        self._allow("sns:ListSubscriptions", endpoint)
        rows = [row for row in self._topic(topic_arn) if row.endpoint == endpoint]
        return OwnSubscription(rows[0].arn, self.filters.get(endpoint), raw=True) if rows else None

    def parameter_text(self, access: Access, region: str, name: str) -> SecretStr | None:
        """As was said."""
        self.account_of(access, region)
        self._allow("ssm:GetParameter", name)
        return SecretStr(self.texts[name]) if name in self.texts else None

    def overview(self, access: Access, regions: Iterable[str]) -> Overview:
        """The account's topics and queues; the regions that are off are not enabled, denied ones unseen."""
        seen, off, unseen = [], [], []
        for region in regions:
            account = self.account_of(access, region)
            if region in self.regions_off:
                off.append(region)
                continue
            try:
                self._allow("sns:ListTopics", region)
            except PolicyError as error:
                unseen.append(error.what)
                continue
            here = (account, region)
            topics = [(arn, tuple(rows)) for arn, rows in sorted(self._topics.items()) if _place(arn) == here]
            queues = [url for url, queue in sorted(self._queues.items()) if _place(queue.arn) == here]
            seen.append(RegionOverview(region, tuple(topics), tuple(queues)))
        return Overview(tuple(seen), tuple(off), tuple(unseen))

    def delete_state_object(self, url: str) -> None:
        """Remembers it in `dropped_locks`."""
        self.dropped_locks.append(url)

    def delete_objects(self, access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> int:
        """Deletes what lies under the prefix; PolicyError where the bucket is another account's."""
        objects = self._own_bucket(access, region, bucket, account).objects
        under = f"{prefix}/" if prefix else ""
        gone = [key for key in objects if key.startswith(under)]
        for key in gone:
            del objects[key]
        return len(gone)

    def get_roster(self, access: Access, region: str, bucket: str, *, owner: str) -> StoredRoster | None:
        """What was put; PolicyError for who is not among the readers."""
        account = self.account_of(access, region)
        if self.roster_readers is not None and account not in {owner, *self.roster_readers}:
            raise PolicyError(f"could not read {bucket}/roster.json: AWS answered AccessDenied")
        return self.rosters.get(bucket)

    def put_roster(
        self, access: Access, region: str, bucket: str, body: bytes, *, account: str, replacing: str | None
    ) -> None:
        """Keeps it, under S3's conditions."""
        check_account(self.account_of(access, region), account, access, f"bucket {bucket}")
        there = self.rosters.get(bucket)
        if (there.etag if there else None) != replacing:
            raise RosterChangedError(f"{bucket}/roster.json was written by another run meanwhile")
        self.rosters[bucket] = StoredRoster(body, hashlib.sha256(body).hexdigest())

    def clock_ahead(self, access: Access, region: str) -> float:
        """As was said."""
        self.account_of(access, region)
        return self.ahead

    def region_enabled(self, access: Access, region: str) -> bool:
        """As was said."""
        self.account_of(access, region)
        return region not in self.regions_off

    def topic_state(self, access: Access, region: str, arn: str, *, federation: str) -> TopicKind:
        """Whose the topic is, by the tags that were said."""
        self.account_of(access, region)
        if arn not in self._topics:
            return TopicKind.ABSENT
        return TopicKind.OURS if owned_by(self.topic_tags.get(arn, {}), federation) else TopicKind.FOREIGN

    def texts_in(self, access: Access, region: str, bucket: str, prefix: str) -> tuple[str, ...]:
        """The objects under the prefix."""
        objects = self._own_bucket(access, region, bucket, self.account_of(access, region)).objects
        return tuple(body.decode() for key, body in sorted(objects.items()) if key.startswith(prefix))

    def refused(self, access: Access, region: str, caller: str, rights: Iterable[Wanted]) -> tuple[Refusal, ...]:
        """What was said to be denied."""
        self.account_of(access, region)
        if self.denied is None:
            raise PolicyError(f"could not simulate the rights of {caller}: AWS answered AccessDenied")
        wanted = {(action, resource) for one in rights for action in one.actions for resource in one.resources}
        return tuple(Refusal(*pair, explicit=False) for pair in sorted(wanted) if pair[0] in self.denied)


def _signature(account: str, challenge: Challenge) -> str:
    return hashlib.sha256(f"{account} {challenge.text()}".encode()).hexdigest()


def _place(arn: str) -> tuple[str, str]:
    parsed = Arn.parse(arn)
    return parsed.account, parsed.region

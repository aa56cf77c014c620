"""What is tried: a message through the topic into a queue of the probe's own, an object through the bucket."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from fedml_infra.aws.ears import Ear
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import ConfigurationError, FedmlError, PolicyError
from fedml_infra.model.arns import Arn
from fedml_infra.model.names import PROBE_MARK_LENGTH, PROBE_PREFIX
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.rights import Right, Rights
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.verify.link import Clock, Link, Name, broken, denied, failed, note, ok

PAUSE_SECONDS = 2.0
"""Between two attempts, and how long one look for the message takes: so long a Ctrl-C may wait."""
LOOKS_PER_MESSAGE = 5
"""Few messages: with message_filter none every node's queue gets them."""
PROBE = "probe"
"""The attribute that a node's subscription filters out."""

T = TypeVar("T")


@dataclass(frozen=True)
class Sender:
    """A node of the stack that may publish, and with whose credentials."""

    pid: str
    access: Access


@dataclass(frozen=True)
class Trial:
    """The trials of one node. `rights` are those of its whole account by this stack file."""

    aws: Cloud
    access: Access
    node: NodeResources
    rights: Rights
    sender: Sender | None
    clock: Clock
    until: float
    """`time.monotonic` at which nothing is waited for any more."""
    stop: threading.Event
    mark: str = field(default_factory=lambda: secrets.token_hex(PROBE_MARK_LENGTH // 2))

    @property
    def topic(self) -> str:
        """The topic's ARN."""
        return self.node.topic_arn

    @property
    def of_topic_account(self) -> bool:
        """Whether the topic's policy says nothing of this account, as it is the topic's own."""
        return Arn.parse(self.topic).account == self.node.account

    def messages(self) -> Iterator[Link]:
        """Publish, subscribe, delivery. The ear is gone at the end, whatever happened."""
        if Right.RECEIVE in self.node.rights:
            yield from self._received()
        else:
            links: list[Link] = []
            if self._publishes(links):
                links.append(ok(Name.PUBLISH, self.topic, f"the topic takes what {self.node.pid} sends"))
            yield from links
            if Right.RECEIVE not in self.rights:
                yield from self._not_subscribed()
        if Right.PUBLISH not in self.rights:
            yield from self._not_published()

    def payload(self) -> Iterator[Link]:
        """An object put, read by the reader role's credentials, and taken away."""
        name = f"{PROBE_PREFIX}{self.mark}"
        where = f"{self.node.bucket}/{self.node.prefix}".rstrip("/")
        body = secrets.token_bytes(64)
        try:
            key = self.aws.put_payload(self.access, self.node, f"{name}/object", body)
        except FedmlError as error:
            yield failed(self.clock, Name.BUCKET, where, error)
            return
        try:
            yield ok(Name.BUCKET, where, f"an object can be put into {where}")
            yield self._shared(key, body)
        finally:
            folder = f"{self.node.prefix}/{name}" if self.node.prefix else name
            left = _attempt(
                lambda: self.aws.delete_objects(
                    self.access, self.node.region, self.node.bucket, folder, account=self.node.account
                )
            )
        if left is not None:
            yield failed(self.clock, Name.CLEANUP, f"{self.node.bucket}/{key}", left, fix="Delete that object.")

    def sweep(self) -> Iterator[Link]:
        """Take away what an earlier probe left that was killed."""
        if Right.RECEIVE not in self.node.rights:
            return
        try:
            for ear in self.aws.stale_ears(self.access, self.node):
                self.aws.remove_ear(self.access, ear)
        except FedmlError as error:
            yield note(
                Name.CLEANUP, self.node.pid, f"What an earlier probe may have left was not looked for: {error.what}"
            )

    def _received(self) -> Iterator[Link]:
        made: list[Ear] = []
        links: list[Link] = []
        try:
            ear = self._listening(made, links)
            sent = self._publishes(links)
            if sent and self.sender is not None and self.sender.pid == self.node.pid:
                links.append(ok(Name.PUBLISH, self.topic, f"the topic takes what {self.node.pid} sends"))
            if ear is not None:
                links.append(self._delivered(ear, sent=sent))
        finally:
            left = _attempt(lambda: self.aws.remove_ear(self.access, made[-1])) if made else None
        yield from links
        if left is not None:
            fix = f"Delete queue {made[-1].name} and its subscription."
            yield failed(self.clock, Name.CLEANUP, made[-1].name, left, fix=fix)

    def _listening(self, made: list[Ear], links: list[Link]) -> Ear | None:
        """The ear, listening; what was made of it is in `made` at once, so that it is taken away in any case."""
        try:
            made.append(self.aws.make_ear(self.access, self.node, self.mark))
        except FedmlError as error:
            fix = "The probe makes a queue of its own: whoever runs it needs the rights on queues that `up` needs."
            links.append(failed(self.clock, Name.SUBSCRIBE, self.node.pid, error, fix=fix))
            return None
        try:
            made.append(self._patiently(lambda: self.aws.subscribe_ear(self.access, made[0], {PROBE: (self.mark,)})))
        except FedmlError as error:
            links.append(failed(self.clock, Name.SUBSCRIBE, self.topic, error, fix=self._ask("receive")))
            return None
        links.append(ok(Name.SUBSCRIBE, self.topic, f"account {self.node.account} may subscribe"))
        return made[-1]

    def _publishes(self, links: list[Link]) -> bool:
        if self.sender is None:
            return False
        try:
            self._patiently(self._publish)
        except FedmlError as error:
            links.append(failed(self.clock, Name.PUBLISH, self.topic, error, fix=self._ask("publish")))
            return False
        return True

    def _publish(self) -> None:
        assert self.sender is not None
        said = {"sender": self.sender.pid, PROBE: self.mark}
        region = Arn.parse(self.topic).region
        self.aws.publish(self.sender.access, region, self.topic, self.mark, said)

    def _delivered(self, ear: Ear, *, sent: bool) -> Link:
        if self.sender is None:
            told = "Not tried: no node of this stack may publish. Ask one that may for a message."
            return note(Name.DELIVERY, self.topic, told)
        if not sent:
            return note(Name.DELIVERY, self.topic, "Not tried: nothing could be published.")
        try:
            for look in count(1):
                found = self.aws.receive_until(
                    self.access,
                    self.node.region,
                    ear.url,
                    lambda came: any(message.body == self.mark for message in came),
                    seconds=PAUSE_SECONDS,
                )
                if found.enough:
                    return ok(
                        Name.DELIVERY, self.topic, "a message through the topic comes into a queue like the node's"
                    )
                if self._over():
                    break
                # A message from before the queue's policy was in force is lost, so now and then another one is sent.
                if look % LOOKS_PER_MESSAGE == 0:
                    self._publish()
        except FedmlError as error:
            return failed(self.clock, Name.DELIVERY, ear.name, error)
        return broken(
            self.clock,
            Name.DELIVERY,
            self.topic,
            f"The topic took the message, and a queue as {self.node.pid} has it did not get it.",
            fix="Where topic or queue has a KMS key, its policy must let SNS use it (`fedml-infra policies`); "
            "`fedml-infra up` on the hub looks whether something takes subscriptions off.",
        )

    def _not_subscribed(self) -> Iterator[Link]:
        """A right to receive that the stack file does not give must be denied by the topic."""
        if self.of_topic_account:
            yield note(Name.SUBSCRIBE, self.topic, _OWN)
            return
        made: list[Ear] = []
        left: FedmlError | None = None
        try:
            made.append(self.aws.make_ear(self.access, self.node, self.mark))
            made.append(self.aws.subscribe_ear(self.access, made[0], {PROBE: (self.mark,)}))
            link = self._too_much(Name.SUBSCRIBE, "subscribe")
        except PolicyError:
            link = denied(Name.SUBSCRIBE, self.topic, f"account {self.node.account} may not subscribe, as it should be")
        except FedmlError as error:
            link = failed(self.clock, Name.SUBSCRIBE, self.topic, error)
        finally:
            if made:
                left = _attempt(lambda: self.aws.remove_ear(self.access, made[-1]))
        yield link
        if left is not None:
            yield failed(self.clock, Name.CLEANUP, made[-1].name, left, fix=f"Delete queue {made[-1].name}.")

    def _not_published(self) -> Iterator[Link]:
        if self.of_topic_account:
            yield note(Name.PUBLISH, self.topic, _OWN)
            return
        said = {"sender": self.node.pid, PROBE: self.mark}
        try:
            self.aws.publish(self.access, Arn.parse(self.topic).region, self.topic, self.mark, said)
        except PolicyError:
            yield denied(Name.PUBLISH, self.topic, f"account {self.node.account} may not publish, as it should be")
        except FedmlError as error:
            yield failed(self.clock, Name.PUBLISH, self.topic, error)
        else:
            yield self._too_much(Name.PUBLISH, "publish")

    def _too_much(self, name: Name, what: str) -> Link:
        told = f"Account {self.node.account} may {what}, and the stack file says that it may not."
        fix = f"The topic's owner, account {Arn.parse(self.topic).account}, corrects the member's rights."
        return broken(self.clock, name, self.topic, told, fix=fix, kind=PolicyError)

    def _shared(self, key: str, body: bytes) -> Link:
        role = self.node.reader_role_arn
        if role is None:
            told = "Not tried: payloads are shared by bucket policy, and only another account can try that."
            return note(Name.READER_ROLE, self.node.bucket, told)

        def read() -> bytes:
            return self.aws.fetch_payload(self.aws.reader_credentials(self.access, self.node, key), via=self.access)

        fix = (
            f"Look whether the trust of {self.node.reader_role_name} still names account {self.node.account} "
            "(`fedml-infra drift`), and whether these credentials may assume it."
        )
        try:
            found = self._patiently(read)
        except ConfigurationError:
            raise
        except FedmlError as error:
            return failed(self.clock, Name.READER_ROLE, role, error, fix=fix)
        if found != body:
            told = f"Another object than the one that was put lies at {self.node.bucket}/{key}."
            return broken(self.clock, Name.READER_ROLE, role, told, fix="Look who else writes into the bucket.")
        return ok(Name.READER_ROLE, role, f"one object was read with credentials of {self.node.reader_role_name}")

    def _patiently(self, act: Callable[[], T]) -> T:
        """`act`, again while AWS denies it and there is time: what was just allowed takes up to a minute."""
        while True:
            try:
                return act()
            except PolicyError:
                if self._over():
                    raise
            self.stop.wait(PAUSE_SECONDS)

    def _over(self) -> bool:
        return self.stop.is_set() or time.monotonic() + PAUSE_SECONDS > self.until

    def _ask(self, right: str) -> str:
        owner = Arn.parse(self.topic).account
        if self.of_topic_account:
            return f"Look at the topic's policy (`fedml-infra drift`), and whether these credentials may {right}."
        return (
            f"The topic's policy must let account {self.node.account} {right}: its owner, account {owner}, looks at "
            "`fedml-infra members list` and runs `fedml-infra up`. These credentials must be allowed it too."
        )


_OWN = "Not tried: the topic is of the same account, so that the node's own policy alone decides."


def _attempt(act: Callable[[], object]) -> FedmlError | None:
    try:
        act()
    except FedmlError as error:
        return error
    return None

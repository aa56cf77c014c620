"""moto as a WSGI app, with the three things mended in which it differs from AWS for a federation.

Imported only in the process that serves it. moto enforces no policies (see `capabilities`): it is here so that
nothing is tuned to one emulator.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

_KEY_IS_ACCOUNT = re.compile(r"Credential=(\d{12})/")
_QUERY_IS_ACCOUNT = re.compile(r"(?:^|&)X-Amz-Credential=(\d{12})(?:/|%2F)", re.IGNORECASE)


def application() -> Wsgi:
    """The WSGI app, mended."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3 import models as s3
    from moto.sns import models as sns

    mend_subscriptions(sns)
    mend_fan_out(sns)
    mend_bucket_policies(s3)
    return with_a_body(account_by_key(DomainDispatcherApplication(create_backend_app)))


def account_of(access_key: str) -> str:
    """The account that an access key acts in: its own id, or that in which the key was made."""
    from moto.iam.models import get_account_id_from

    return access_key if access_key.isdecimal() else str(get_account_id_from(access_key))


def with_a_body(app: Wsgi) -> Wsgi:
    """Answers that have no chunk get an empty one: hypercorn sends the status with the first, and HEAD has none."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answered = False
        for chunk in app(environ, start_response):
            answered = True
            yield chunk
        if not answered:
            yield b""

    return answer


def account_by_key(app: Wsgi) -> Wsgi:
    """An access key that is a 12-digit account id acts in that account, as on MiniStack.

    moto looks an account up by the access keys created in it, and takes every other key for its default account;
    the header `x-moto-account-id` says it outright. A header that the client sent itself is kept.
    """

    def with_account(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # The server hands over whole bodies: a chunked one has no length, and is not empty for that.
        environ["wsgi.input_terminated"] = True
        found = _KEY_IS_ACCOUNT.search(environ.get("HTTP_AUTHORIZATION", "")) or _QUERY_IS_ACCOUNT.search(
            environ.get("QUERY_STRING", "")
        )
        if found:
            environ.setdefault("HTTP_X_MOTO_ACCOUNT_ID", found.group(1))
        return app(environ, start_response)

    return with_account


_lock = threading.RLock()
"""Held while subscriptions are read or changed: moto walks its dictionaries while another thread changes them."""


def mend_subscriptions(sns: Any) -> None:
    """A subscription belongs to its subscriber and is known to the topic's owner, whichever accounts these are.

    moto keeps it in the subscriber's account only: the topic's owner neither lists nor removes it, and what is
    published is not delivered (https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html).
    """
    from moto.utilities.arns import parse_arn

    backend = sns.SNSBackend
    original_subscribe = backend.subscribe

    def at_topic(self: Any, topic_arn: str) -> Any:
        return sns.sns_backends[parse_arn(topic_arn).account][self.region_name]

    def subscribe(self: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        with _lock:
            made = original_subscribe(self, topic_arn, endpoint, protocol)
            at_topic(self, topic_arn).subscriptions[made.arn] = made
            return made

    def find(self: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        wanted = (topic_arn, endpoint, protocol)
        for each in at_topic(self, topic_arn).subscriptions.values():
            if (each.topic.arn, each.endpoint, each.protocol) == wanted:
                return each
        return None

    def unsubscribe(self: Any, subscription_arn: str) -> None:
        with _lock:
            # Only the two accounts that know the subscription find it here; from any other nothing is removed.
            found = self.subscriptions.get(subscription_arn)
            if found is not None:
                at_topic(self, found.topic.arn).subscriptions.pop(subscription_arn, None)
                sns.sns_backends[found.account_id][self.region_name].subscriptions.pop(subscription_arn, None)

    def by_topic(self: Any, topic_arn: str, next_token: str | None = None) -> Any:
        with _lock:
            topic = self.get_topic(topic_arn)
            known = at_topic(self, topic_arn).subscriptions
            return self._get_values_nexttoken(
                {arn: each for arn, each in known.items() if each.topic is topic}, next_token
            )

    def own(self: Any, next_token: str | None = None) -> Any:
        with _lock:
            mine = {arn: each for arn, each in self.subscriptions.items() if each.account_id == self.account_id}
            return self._get_values_nexttoken(mine, next_token)

    def delete_of_topic(self: Any, topic: Any) -> None:
        with _lock:
            for account in list(sns.sns_backends):
                known = sns.sns_backends[account][self.region_name].subscriptions
                for arn in [arn for arn, each in known.items() if each.topic is topic]:
                    known.pop(arn)

    backend.subscribe, backend.unsubscribe, backend._find_subscription = subscribe, unsubscribe, find
    backend.list_subscriptions, backend.list_subscriptions_by_topic = own, by_topic
    backend.delete_topic_subscriptions = delete_of_topic


def mend_fan_out(sns: Any) -> None:
    """A message goes to every subscription of its topic, whatever becomes of the others.

    moto stops at the first page of 100 subscriptions, and fails the whole publish when one queue is gone
    (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: that delivery alone fails).
    """
    from moto.sqs.exceptions import QueueDoesNotExist

    def publish(
        self: Any,
        message: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> str:
        message_id = str(sns.mock_random.uuid4())
        with _lock:
            subscribed = [each for each in self.sns_backend.subscriptions.values() if each.topic is self]
        for each in subscribed:
            try:
                each.publish(
                    message,
                    message_id,
                    subject=subject,
                    message_attributes=message_attributes,
                    group_id=group_id,
                    deduplication_id=deduplication_id,
                    message_structure=message_structure,
                )
            except QueueDoesNotExist:
                continue
        self.sent_notifications.append((message_id, message, subject, message_attributes, group_id))
        return message_id

    sns.Topic.publish = publish


def mend_bucket_policies(s3: Any) -> None:
    """A bucket's policy is kept and returned, and judges nobody.

    moto evaluates neither conditions nor principals, so the Deny of plain HTTP that every bucket of a federation has
    would deny every object call, over TLS too.
    """
    from moto.iam.access_control import PermissionResult

    def neutral(self: Any, action: str, resource: str) -> Any:  # noqa: ARG001
        return PermissionResult.NEUTRAL

    s3.FakeBucket.get_permission = neutral

"""AWS itself, or whatever AWS_ENDPOINT_URL names."""

from __future__ import annotations

from fedml_infra.aws import buckets, lookup, messages, payloads, queues, sessions
from fedml_infra.aws import inventory as inventories
from fedml_infra.aws import subscriptions as subscribers
from fedml_infra.aws.protocol import Aws


class LiveAws:
    """Keeps `protocol.Aws` by the calls of this package."""

    account_of = staticmethod(sessions.account_of)
    expect_account = staticmethod(sessions.expect_account)
    subscriptions = staticmethod(subscribers.subscriptions)
    remove_strangers = staticmethod(subscribers.remove_strangers)
    bucket_state = staticmethod(buckets.bucket_state)
    has_objects = staticmethod(buckets.has_objects)
    hardening_gaps = staticmethod(buckets.hardening_gaps)
    queue_state = staticmethod(queues.queue_state)
    inventory = staticmethod(inventories.inventory)
    look_up = staticmethod(lookup.look_up)
    publish = staticmethod(messages.publish)
    receive_until = staticmethod(messages.receive_until)
    put_payload = staticmethod(payloads.put_payload)
    reader_credentials = staticmethod(payloads.reader_credentials)
    fetch_payload = staticmethod(payloads.fetch_payload)


def live() -> Aws:
    """The real thing; imports boto3 at its first call."""
    return LiveAws()

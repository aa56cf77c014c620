"""The only place that calls boto3: sessions, subscriptions, buckets, queues, messages, inventory."""

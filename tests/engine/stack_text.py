"""A stack file with everything that makes editing one hard."""

from __future__ import annotations

from pathlib import Path

from fedml_infra.engine.stack_files import StackFile

FILE = """\
# the administrator's: no aws_topic_arn, so this stack declares the hub
encryptionsalt: v1:...
config:
  aws:region: us-east-1
  'other:thing':   'x'   # not ours
  fedml-infra:fed_name: cardio # the name

  # every half hour
  fedml-infra:sync_sched: "m30"
  fedml-infra:fed_secret_key: {secure: v1:...}
  fedml-infra:members:                    # other organisations' accounts
    # Bern
    - aws_id: "222222222222"   # theirs
    # Basel
    - {aws_id: "333333333333", rights: [publish], nodes: [insel]}   # Basel's
    # that was all
  # our own
  fedml-infra:nodes:                      # this organisation's own nodes
    - pid: charite
      s3_bucket: cardio-charite/updates # made

  other:last: |
    a text
    # of three lines
    with a hash
# the end
"""
MEMBERS = "fedml-infra:members"


def stack_file(text: str = FILE) -> StackFile:
    return StackFile(Path("Pulumi.cardio.yaml"), text, on_disk=None)

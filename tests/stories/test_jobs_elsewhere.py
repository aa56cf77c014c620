"""A worker of one machine dies, and one of another goes on: states are in a bucket, with the lock of the first."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from fedml_infra.operations.customers import CustomerWanted, add_customer
from tests.stories.conftest import MakeOrganisation
from tests.stories.federation import Organisation
from tests.stories.services import Site
from tests.stories.test_jobs import own

pytestmark = [pytest.mark.story, pytest.mark.soak]


def renames_itself() -> bool:
    """Whether a process here may take another name of the machine."""
    return shutil.which("unshare") is not None and os.geteuid() == 0 and unshared().returncode == 0


def unshared() -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["unshare", "--uts", "hostname", "elsewhere"], capture_output=True, check=False)


def is_half_way(hub: Organisation) -> bool:
    """The run holds its lock, and has made the topic."""
    kept = hub.aws("s3").list_objects_v2(Bucket="jobs-states").get("Contents", [])
    locked = any("/.pulumi/locks/" in each["Key"] for each in kept)
    return locked and bool(hub.aws("sns").list_topics()["Topics"])


@pytest.mark.skipif(not renames_itself(), reason="only root may give a process another name of the machine")
def test_a_dead_run_of_another_machine_loses_its_lock_in_the_bucket(organisation: MakeOrganisation) -> None:
    hub = organisation("service", "jobs")
    hub.aws("s3").create_bucket(Bucket="jobs-states")
    config = hub.folder / "aws"
    config.write_text(
        f"[states]\naws_access_key_id={hub.account}\naws_secret_access_key={hub.env['AWS_SECRET_ACCESS_KEY']}\n"
    )
    query = f"region=us-east-1&endpoint={hub.env['AWS_ENDPOINT_URL']}&s3ForcePathStyle=true&profile=states"
    env = hub.env | {"AWS_SHARED_CREDENTIALS_FILE": str(config)}
    site = Site(hub.folder / "data", env, f"s3://jobs-states/fed?{query}")
    with site.store as store:
        customer = add_customer(store, site.sealer, CustomerWanted("c1", "v2")).customer
        wanted = own(hub, hub.account, f"jobs-{hub.account}", fed_name="jobs", sync_sched="m30")
        job = site.submitter.create(customer, wanted, pid="admin")
        with site.working("elsewhere"):
            site.wait(job, lambda _: is_half_way(hub))
        with site.working():
            done = site.wait(job)
        assert (done.status_code, done.attempts) == (201, 2), site.log()
    assert "@elsewhere, process" in site.log() and "its lock on jobs is taken off" in site.log()

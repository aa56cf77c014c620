"""gitops role: what is printed is what the stack files here need, for one environment of one repository."""

from __future__ import annotations

import json
import shlex

from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, OTHER, OWN, World

REPOSITORY = ("--repository", "charite/federations")


def actions(document: object) -> str:
    return json.dumps(document)


def test_the_trust_names_the_environment_of_the_purpose(here: World, run: Run) -> None:
    here.write()
    trust = run("gitops", "role", "--for", "apply", *REPOSITORY, "--json").json["trust"]
    (condition,) = trust["Statement"][0]["Condition"].values()
    assert condition["token.actions.githubusercontent.com:sub"] == "repo:charite/federations:environment:fedml-apply"


def test_a_preview_is_the_default_and_writes_nothing(here: World, run: Run) -> None:
    here.write()
    said = run("gitops", "role", *REPOSITORY, "--json").json
    assert said["purpose"] == "preview"
    assert "sns:GetTopicAttributes" in actions(said["policies"])
    assert "sns:CreateTopic" not in actions(said["policies"])


def test_all_stacks_here_are_in_it(here: World, run: Run) -> None:
    here.write()
    here.write(HUB_FILE.replace("cardio", "onco"), "onco")
    said = actions(run("gitops", "role", "--for", "apply", *REPOSITORY, "--json").json["policies"])
    assert f"arn:aws:sns:us-east-1:{OWN}:cardio" in said
    assert f"arn:aws:sns:us-east-1:{OWN}:onco" in said


def test_before_there_is_a_stack_it_says_to_ask_again(here: World, run: Run) -> None:
    done = run("gitops", "role", *REPOSITORY, "--backend", "s3://charite-states/fed", "--account", OWN)
    assert done.code == 0, done.err
    assert "There is no stack yet" in done.err
    assert "arn:aws:s3:::charite-states/fed/.pulumi/*" in done.out


def test_the_secrets_key_is_read_from_the_stack_file(here: World, run: Run) -> None:
    here.write("secretsprovider: awskms://alias/federations?region=us-east-1\n" + HUB_FILE)
    said = run("gitops", "role", *REPOSITORY, "--json").json
    assert "alias/federations" in actions(said["policies"])
    assert "kms:Encrypt" not in actions(said["policies"])


def test_the_commands_are_whole_for_a_shell(here: World, run: Run) -> None:
    here.write()
    said = run("gitops", "role", "--for", "apply", *REPOSITORY, "--json").json
    lines = [shlex.split(command) for command in said["commands"]]
    assert [line[:2] for line in lines] == [["aws", "iam"]] * len(lines)
    make = next(line for line in lines if line[2] == "create-role")
    assert json.loads(make[make.index("--assume-role-policy-document") + 1]) == said["trust"]
    policies = [json.loads(line[-1]) for line in lines if line[2] == "create-policy"]
    assert policies == said["policies"]


def test_on_gitlab_the_provider_knows_the_three_audiences(here: World, run: Run) -> None:
    here.write()
    asked = ("--ci", "gitlab", "--host", "gitlab.charite.example", "--repository", "fl/federations", "--json")
    said = run("gitops", "role", *asked).json
    assert said["provider"] == f"arn:aws:iam::{OWN}:oidc-provider/gitlab.charite.example"
    assert said["commands"][0].endswith("--client-id-list fedml-preview fedml-apply fedml-drift")


def test_a_node_that_another_role_reaches_is_told_of(here: World, run: Run) -> None:
    role = f"arn:aws:iam::{OTHER}:role/fl"
    here.write(HUB_FILE + f"      account: {{assume_role: '{role}'}}\n")
    done = run("gitops", "role", *REPOSITORY, "--account", OWN, "--json")
    assert f"assumes {role}" in done.err
    assert list(done.json["other_accounts"]) == [OTHER]


def test_stacks_of_two_accounts_need_two_roles(here: World, run: Run) -> None:
    for name, account in (("cardio", OWN), ("onco", OTHER)):
        text = HUB_FILE.replace("cardio", name).replace(
            "config:\n", f'config:\n  aws:allowedAccountIds: ["{account}"]\n'
        )
        here.write(text, name)
    done = run("gitops", "role", *REPOSITORY)
    assert done.code == 2
    assert f"{OWN}: cardio; {OTHER}: onco" in done.err


def test_options_of_the_other_code_host_are_refused(here: World, run: Run) -> None:
    assert run("gitops", "role", *REPOSITORY, "--host", "gitlab.com").code == 2
    assert run("gitops", "role", "--ci", "gitlab", "--repository", "a/b", "--subject-prefix", "repo:a/b").code == 2


def test_a_pattern_is_no_repository(here: World, run: Run) -> None:
    here.write()
    done = run("gitops", "role", "--repository", "charite/*")
    assert done.code == 2
    assert "ORG/REPO" in done.err

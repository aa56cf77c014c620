"""Real samples of what the engine, its plugins and AWS say -> the error that a person gets."""

from __future__ import annotations

import pytest

from fedml_infra.engine.events import Diagnostic
from fedml_infra.engine.failures import Failure, classify
from fedml_infra.engine.locks import LockHolder, StackLockedByError
from fedml_infra.engine.protocol import NotYetAllowedError, PlanRefusedError
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
    answer_of,
)

SUBSCRIPTION = (
    "urn:pulumi:cardio::fedml-infra::fedml:index:Node$aws:sns/topicSubscription:TopicSubscription::cardio_insel"
)
QUEUE = "urn:pulumi:cardio::fedml-infra::fedml:index:Node$aws:sqs/queue:Queue::cardio_insel"
BUCKET = "urn:pulumi:cardio::fedml-infra::fedml:index:Node$aws:s3/bucketV2:BucketV2::insel-fed"

# Written to standard error by Pulumi 3.259.0.
STDERR = [
    ("error: no stack named 'nope' found", StackNotFoundError, "There is no stack nope", 6),
    (
        "error: getting stack configuration: get stack secrets manager: passphrase must be set with "
        "PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables",
        AuthenticationError,
        "need a passphrase, and none is set",
        3,
    ),
    (
        "error: getting stack configuration: get stack secrets manager: incorrect passphrase",
        AuthenticationError,
        "not the one that the secrets of stack cardio were encrypted with",
        3,
    ),
    (
        "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
        ConfigurationError,
        "pulumi login --local",
        2,
    ),
    (
        'error: unable to open state directory "file:///nonexist/x": stat /nonexist/x: no such file or directory',
        ConfigurationError,
        "/nonexist/x",
        2,
    ),
    (
        "error: no Pulumi.yaml project file found (searching upwards from ). If you have not created a project yet, "
        "use `pulumi new` to do so: no project file found",
        ConfigurationError,
        "no Pulumi.yaml",
        2,
    ),
    (
        "error: failed to load language plugin python: could not read plugin [/c/pulumi-language-python]: exit 1",
        EngineError,
        "language",
        4,
    ),
    (
        "error: Could not automatically download and install resource plugin 'pulumi-resource-aws' at version v7.51.1, "
        "install the plugin using `pulumi plugin install resource aws v7.51.1`",
        EngineError,
        "no plugin for aws",
        4,
    ),
    (
        "error: no resource plugin 'pulumi-resource-aws-v7.51.1' found in the workspace at version v7.51.1 or on your "
        "$PATH",
        EngineError,
        "no plugin for aws",
        4,
    ),
]

LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the "
    "lock file with `pulumi cancel`.\n  file:///s/.pulumi/locks/organization/tinyr/dev/9f40440a-0883-40a3-94b1-"
    "10f0982315f3.json?no_tmp_dir=true: created by root@vm (pid 18287) at 2026-11-24T07:48:51Z"
)


@pytest.mark.parametrize(("stderr", "kind", "words", "status"), STDERR)
def test_what_the_engine_writes_is_told_as_what_it_means(stderr, kind, words, status):
    error = classify(Failure("preview", "cardio", stderr))
    assert type(error) is kind and words in str(error)
    assert error.fix
    assert answer_of(error).exit_code == status


def test_a_name_that_there_is_not_is_answered_with_the_nearest():
    error = classify(Failure("up", "cardoi", "error: no stack named 'cardoi' found", stacks=("cardio", "onco")))
    assert error.fix == "Was cardio meant? There are files of: cardio, onco."


def test_a_locked_stack_names_the_holder():
    error = classify(Failure("up", "cardio", LOCKED))
    assert isinstance(error, StackLockedByError)
    assert error.holders == (LockHolder("root", "vm", 18287, "2026-11-24T07:48:51Z"),)
    assert "root@vm, process 18287, since 2026-11-24T07:48:51Z" in str(error)


# Messages of the official provider (pulumi-aws 7 wraps terraform-provider-aws 6, SDK v2), of boto3 and of the emulated
# provider, as diagnostics of a resource.
ON_A_RESOURCE = [
    (
        "sdk-v2/provider2.go:572: sdk.helper_schema: "
        "creating SQS Queue (cardio_insel): operation error SQS: CreateQueue, "
        "https response error StatusCode: 403, RequestID: 5d6e, api error AccessDenied: User: "
        "arn:aws:iam::222222222222:user/x is not authorized to perform: sqs:createqueue: provider=aws@7.51.1",
        ResourceError,
        ["aws:sqs:Queue cardio_insel: AccessDenied", "policies operator"],
    ),
    (
        "creating SQS Queue (cardio_insel): operation error SQS: CreateQueue, https response error StatusCode: 400, "
        "RequestID: 1, api error AWS.SimpleQueueService.QueueDeletedRecently: You must wait 60 seconds after deleting "
        "a queue before you can create another with the same name.",
        ResourceError,
        ["QueueDeletedRecently", "60 seconds"],
    ),
    (
        "An error occurred (ThrottlingException) when calling the PutParameter operation (reached max retries: 4): "
        "Rate exceeded",
        ResourceError,
        ["ThrottlingException: Rate exceeded", "run it again"],
    ),
    (
        "CreateQueue: QueueNameExists: A queue already exists with the same name and a different value for attribute "
        "VisibilityTimeout",
        ResourceError,
        ["cardio_insel: QueueNameExists: A queue already exists", "another `pid`"],
    ),
    ("BucketAlreadyExists: The requested bucket name is not available.", ResourceError, ["unique in all of AWS"]),
    (
        "operation error SNS: Subscribe, https response error StatusCode: 403, RequestID: 2, api error ExpiredToken: "
        "The security token included in the request is expired",
        AuthenticationError,
        ["have expired"],
    ),
    (
        "operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 3, api error "
        "InvalidClientTokenId: The security token included in the request is invalid.",
        AuthenticationError,
        ["does not know these credentials"],
    ),
    (
        "validating provider credentials: retrieving caller identity from STS: operation error STS: GetCallerIdentity, "
        "failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata",
        AuthenticationError,
        ["no AWS credentials"],
    ),
    (
        "failed to get shared config profile, insel-prod",
        AuthenticationError,
        ["no AWS profile insel-prod"],
    ),
    (
        "AWS account ID not allowed: 222222222222",
        AuthenticationError,
        ["of account 222222222222"],
    ),
    (
        "Cannot assume IAM Role. IAM Role (arn:aws:iam::222222222222:role/fed) cannot be assumed.",
        AuthenticationError,
        ["arn:aws:iam::222222222222:role/fed", "external id"],
    ),
    (
        'operation error SNS: CreateTopic, exceeded maximum number of attempts, 3, https response error: request send '
        'failed, Post "https://sns.eu-west-1.amazonaws.com/": dial tcp: '
        'lookup sns.eu-west-1.amazonaws.com: no such host',
        NetworkError,
        ["cannot be reached"],
    ),
    (
        'Could not connect to the endpoint URL: "https://127.0.0.1:4566/"',
        NetworkError,
        ["AWS_ENDPOINT_URL"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "kind", "words"), ON_A_RESOURCE)
def test_what_aws_says_about_a_resource_is_told_with_code_and_advice(message, kind, words):
    failed = (Diagnostic("error", message, QUEUE), Diagnostic("error", "update failed"))
    error = classify(Failure("up", "cardio", diagnostics=failed))
    assert type(error) is kind
    for word in words:
        assert word in str(error)


def denied_at(*urns: str) -> FedmlError:
    message = "creating SNS Topic Subscription: operation error SNS: Subscribe, api error AuthorizationError: no"
    return classify(Failure("up", "cardio", diagnostics=tuple(Diagnostic("error", message, urn) for urn in urns)))


def test_a_subscribe_alone_that_is_denied_may_be_allowed_in_a_minute():
    error = denied_at(SUBSCRIPTION)
    assert isinstance(error, NotYetAllowedError)
    assert "less than a minute" in str(error)
    assert answer_of(error).exit_code == 4


def test_a_denial_of_anything_else_beside_it_is_a_missing_right():
    assert not isinstance(denied_at(SUBSCRIPTION, QUEUE), NotYetAllowedError)


def test_credentials_that_expire_in_the_middle_say_what_is_done_what_is_not_and_how_to_go_on():
    failed = (
        Diagnostic("error", "PutBucketPolicy: ExpiredToken: The security token has expired", BUCKET),
        Diagnostic("error", "CreateQueue: ExpiredTokenException: The security token has expired", QUEUE),
    )
    error = classify(Failure("up", "cardio", diagnostics=failed, done=12))
    assert type(error) is AuthenticationError
    assert error.what == (
        "The AWS credentials have expired, in the middle of the up of stack cardio: 12 resources are settled; "
        "not done: aws:s3:BucketV2 insel-fed, aws:sqs:Queue cardio_insel, and what comes after"
    )
    assert "run the same command: it goes on from there" in (error.fix or "")


def test_credentials_that_expire_before_anything_began_are_told_shortly():
    error = classify(Failure("up", "cardio", stderr="error: ExpiredToken: it has expired"))
    assert error.what == "The AWS credentials have expired"


def test_an_account_that_is_gone_in_the_middle_is_told_with_what_it_leaves_undone_and_the_cure():
    failed = (Diagnostic("error", "CreateQueue: InvalidClientTokenId: the token is invalid", QUEUE),)
    error = classify(Failure("up", "cardio", diagnostics=failed, done=1))
    assert type(error) is AuthenticationError
    assert "1 resource is settled; not done: aws:sqs:Queue cardio_insel" in error.what
    assert "Where the account was closed" in (error.fix or "")


def test_of_many_resources_that_are_not_done_some_are_named_and_the_rest_is_counted():
    failed = tuple(Diagnostic("error", "ExpiredToken: x", QUEUE + str(number)) for number in range(9))
    assert "cardio_insel5 and 3 more, and what comes after" in classify(Failure("up", "c", diagnostics=failed)).what


def test_several_failed_resources_are_all_named():
    failed = (
        Diagnostic("error", "api error BucketAlreadyExists: taken", BUCKET),
        Diagnostic("error", "something else", QUEUE),
    )
    told = str(classify(Failure("up", "cardio", diagnostics=failed)))
    assert "aws:s3:BucketV2 insel-fed: BucketAlreadyExists: taken" in told
    assert "aws:sqs:Queue cardio_insel: something else" in told


def test_protection_is_told_with_what_lifts_it():
    message = (
        f'resource "{QUEUE}" cannot be deleted\nbecause it is protected. To unprotect the resource, either remove the '
        "`protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the command:\n"
        f"`pulumi state unprotect '{QUEUE}'`"
    )
    error = classify(Failure("destroy", "cardio", diagnostics=(Diagnostic("error", message, QUEUE),)))
    assert type(error) is ResourceError
    assert "aws:sqs:Queue cardio_insel is protected" in error.what
    assert "`protect: true`" in str(error.fix)


def test_a_policy_violation_is_a_policy_error_and_advice_is_none():
    mandatory = Diagnostic("mandatory", "pack/no-open-topics: anyone may publish", QUEUE)
    advisory = Diagnostic("advisory", "pack/tags: no tags")
    assert isinstance(classify(Failure("preview", "cardio", violations=(mandatory, advisory))), PolicyError)
    assert not isinstance(classify(Failure("preview", "cardio", violations=(advisory,))), PolicyError)


def test_a_stop_says_how_far_it_came():
    error = classify(Failure("up", "cardio", done=7, stopped=True))
    assert isinstance(error, CancelledError) and "7 resources" in str(error)


def test_a_time_out_is_no_cancellation():
    error = classify(Failure("up", "cardio", done=7, stopped=True, timed_out_after=30))
    assert type(error) is TimedOutError and "30 s" in str(error)


def test_a_programs_own_error_is_told_as_it_is():
    failed = (Diagnostic("error", "Program failed with an unhandled exception:\nValueError: x"),)
    assert str(classify(Failure("up", "cardio", diagnostics=failed))).endswith("ValueError: x")


REFUSED = (
    'connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:39143: connect: connection refused"'
)


@pytest.mark.parametrize(
    "message",
    [
        REFUSED,
        "error reading from server: EOF",
        "error reading from server: connection reset by peer",
        'connection error: desc = "error reading server preface: connection reset by peer"',
    ],
)
def test_a_provider_that_ended_is_no_network_that_is_down(message):
    failed = (Diagnostic("error", message, QUEUE), Diagnostic("error", "update failed"))
    error = classify(Failure("up", "cardio", diagnostics=failed, done=7))
    assert type(error) is EngineError
    assert error.what == (
        "The provider's process ended, in the middle of the up of stack cardio: 7 resources are settled; "
        "not done: aws:sqs:Queue cardio_insel, and what comes after"
    )
    assert "same command again" in (error.fix or "")


def test_a_provider_that_ended_before_any_resource_is_told_too():
    message = "Detected that /h/plugins/resource-aws-v7.51.1/pulumi-resource-aws exited prematurely. \n  This is a bug."
    told = str(classify(Failure("refresh", "cardio", diagnostics=(Diagnostic("error", message),))))
    assert told.startswith("The provider's process ended during the refresh")


@pytest.mark.parametrize("message", ["error reading from server: EOF", "Program exited with non-zero exit code: -9"])
def test_a_program_that_was_killed_is_told_as_that(message):
    failed = (Diagnostic("error", message),)
    error = classify(Failure("up", "cardio", diagnostics=failed, done=1))
    assert error.what == "The program's process ended during the up: 1 resource is settled"


def test_an_endpoint_of_aws_that_refuses_is_the_network_still():
    message = 'Post "http://127.0.0.1:4566/": dial tcp 127.0.0.1:4566: connect: connection refused'
    assert type(classify(Failure("up", "cardio", diagnostics=(Diagnostic("error", message, QUEUE),)))) is NetworkError


def test_an_engine_that_was_killed_is_told_with_the_signal():
    error = classify(Failure("destroy", "cardio", done=3, status=-9))
    assert error.what == "The engine's process was ended by signal 9 during the destroy: 3 resources are settled"


def test_what_fits_nothing_is_told_in_the_engines_own_words():
    error = classify(Failure("up", "cardio", "error: the moon is down"))
    assert type(error) is EngineError and "the moon is down" in str(error)
    assert "ended with 137" in str(classify(Failure("up", "cardio", status=137)))


@pytest.mark.parametrize(
    ("message", "urn", "told"),
    [
        (
            "create is not allowed by the plan: no steps were expected for this resource",
            QUEUE,
            "aws:sqs:Queue cardio_insel: create is not allowed by the plan: no steps were expected for this resource",
        ),
        (
            f"resource {QUEUE} violates plan: properties changed: ++name[secret]",
            QUEUE,
            "aws:sqs:Queue cardio_insel: violates plan: properties changed: ++name[secret]",
        ),
        (
            f"expected resource operations for {QUEUE} but none were seen",
            None,
            f"expected resource operations for {QUEUE} but none were seen",
        ),
    ],
)
def test_what_a_plan_does_not_have_is_named_with_what_to_do(message, urn, told):
    failed = (Diagnostic("error", message, urn), Diagnostic("error", "update failed"))
    error = classify(Failure("up", "cardio", diagnostics=failed))
    assert type(error) is PlanRefusedError
    assert error.what == f"The plan of stack cardio does not fit any more: {told}"
    assert "new preview" in (error.fix or "") and answer_of(error).exit_code == 4

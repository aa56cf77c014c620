"""Every way in which a call to AWS fails is told as something that a person can act on."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from botocore import exceptions as raised
from botocore.exceptions import ClientError

from fedml_infra.aws.failures import code_of, is_absent, is_denied, redacted, translate, translating
from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    FedmlError,
    NetworkError,
    PolicyError,
    ResourceError,
)

TOKEN = "FwoGZXIvYXdzEBYaDKz0secretsecretsecret=="


def answer(code: str, message: str = "", status: int = 400, operation: str = "Publish") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


def told(error: BaseException) -> FedmlError:
    return translate(error, doing="publish to", subject="arn:aws:sns:eu-central-1:111111111111:cardio")


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"])
def test_expired_credentials_are_told_in_every_spelling(code: str) -> None:
    error = told(answer(code, "The security token included in the request is expired"))
    assert isinstance(error, AuthenticationError)
    assert "have expired" in error.what
    assert "Log in again" in (error.fix or "")


@pytest.mark.parametrize(
    "code",
    ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure", "InvalidToken"],
)
def test_credentials_that_aws_does_not_know(code: str) -> None:
    error = told(answer(code))
    assert isinstance(error, AuthenticationError)
    assert code in error.what
    assert "AWS_PROFILE" in (error.fix or "")


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"])
def test_a_wrong_signature_never_quotes_the_signed_request(code: str) -> None:
    error = told(answer(code, f"canonical string: x-amz-security-token:{TOKEN}"))
    assert isinstance(error, AuthenticationError)
    assert "canonical" not in str(error)


def test_a_wrong_clock_says_so() -> None:
    error = told(answer("RequestTimeTooSkewed"))
    assert isinstance(error, AuthenticationError)
    assert "clock" in error.what


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "403"]
)
def test_a_denial_is_a_policy_error_that_names_the_topic_and_what_may_be_done(code: str) -> None:
    error = told(answer(code, "User: arn:aws:iam::222222222222:user/x is not authorized", 403))
    assert isinstance(error, PolicyError)
    assert "arn:aws:sns:eu-central-1:111111111111:cardio" in error.what
    assert "policies operator" in (error.fix or "")


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "RequestThrottled", "SlowDown"])
def test_throttling_says_to_wait_and_that_the_same_command_goes_on(code: str) -> None:
    error = told(answer(code))
    assert isinstance(error, ResourceError)
    assert "goes on where it stopped" in (error.fix or "")


@pytest.mark.parametrize("code", ["NotFound", "NoSuchBucket", "ResourceNotFoundException", "QueueDoesNotExist"])
def test_what_is_not_there_is_a_resource_error(code: str) -> None:
    assert isinstance(told(answer(code, status=404)), ResourceError)


def test_a_region_that_is_not_enabled_says_so() -> None:
    assert "Enable the region" in (told(answer("OptInRequired")).fix or "")


def test_a_policy_that_aws_finds_too_large_is_a_policy_error() -> None:
    assert isinstance(told(answer("PackedPolicyTooLarge")), PolicyError)


def test_a_fault_of_aws_is_told_as_one() -> None:
    error = told(answer("InternalError", "We encountered an internal error", 500))
    assert isinstance(error, ResourceError)
    assert "AWS had a fault" in (error.fix or "")


def test_any_other_answer_keeps_aws_own_words() -> None:
    assert (
        "InvalidParameter: Invalid parameter: TopicArn"
        in told(answer("InvalidParameter", "Invalid parameter: TopicArn")).what
    )


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (raised.NoCredentialsError(), AuthenticationError, "no AWS credentials"),
        (raised.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), AuthenticationError, "env"),
        (raised.CredentialRetrievalError(provider="process", error_msg="no"), AuthenticationError, "process"),
        (raised.ProfileNotFound(profile="insel-prod"), AuthenticationError, "insel-prod"),
        (raised.UnauthorizedSSOTokenError(), AuthenticationError, "sign-in session"),
        (raised.SSOTokenLoadError(error_msg="gone"), AuthenticationError, "sign-in session"),
        (raised.TokenRetrievalError(provider="sso", error_msg="expired"), AuthenticationError, "sign-in session"),
        (raised.ConfigParseError(path="/x/config"), ConfigurationError, "/x/config"),
        (raised.NoRegionError(), ConfigurationError, "region"),
        (raised.InvalidRegionError(region_name="eu west"), ConfigurationError, "eu west"),
        (raised.ParamValidationError(report="Invalid bucket name"), ConfigurationError, "Invalid bucket name"),
        (raised.EndpointConnectionError(endpoint_url="https://sns.x"), NetworkError, "https://sns.x"),
        (raised.ConnectTimeoutError(endpoint_url="https://sns.x"), NetworkError, "in time"),
        (raised.ReadTimeoutError(endpoint_url="https://sns.x"), NetworkError, "in time"),
        (raised.ConnectionClosedError(endpoint_url="https://sns.x"), NetworkError, "https://sns.x"),
        (raised.SSLError(endpoint_url="https://sns.x", error="self-signed"), NetworkError, "self-signed"),
        (raised.ProxyConnectionError(proxy_url="http://p:3128", error="refused"), NetworkError, "proxy"),
        (raised.UnknownServiceError(service_name="x", known_service_names="y"), ResourceError, "x"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_botocore_raises_by_itself(error: Exception, kind: type[FedmlError], says: str) -> None:
    ours = told(error)
    assert type(ours) is kind
    assert says in ours.what


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (raised.NoCredentialsError(), "AWS_ACCESS_KEY_ID"),
        (raised.ProfileNotFound(profile="p"), "aws configure --profile"),
        (raised.UnauthorizedSSOTokenError(), "aws sso login"),
        (raised.SSLError(endpoint_url="u", error="e"), "AWS_CA_BUNDLE"),
        (raised.ProxyConnectionError(proxy_url="http://p", error="e"), "HTTPS_PROXY"),
        (raised.EndpointConnectionError(endpoint_url="u"), "AWS_ENDPOINT_URL"),
    ],
)
def test_each_says_what_to_do_next(error: Exception, fix: str) -> None:
    assert fix in (told(error).fix or "")


@pytest.mark.parametrize(
    "text",
    [
        "key AKIAIOSFODNN7EXAMPLE is not known",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=IOSFODNN7EXAMPLE&x=1",
        "x-amz-security-token:IOSFODNN7EXAMPLE",
        "proxy http://user:IOSFODNN7EXAMPLE@proxy:3128 refused",
        "Credential=AKIAIOSFODNN7EXAMPLE/20260101, Signature=IOSFODNN7EXAMPLE",
        "SessionToken: IOSFODNN7EXAMPLE",
        "Encoded authorization failure message: IOSFODNN7EXAMPLE",
    ],
)
def test_no_secret_stays_in_a_message(text: str) -> None:
    assert "IOSFODNN7EXAMPLE" not in redacted(text)


def test_a_message_is_one_line_of_bounded_length() -> None:
    assert len(redacted("a\nb " * 1000)) == 400
    assert "\n" not in redacted("a\nb")


def test_an_error_of_ours_stays_what_it_is() -> None:
    ours = PolicyError("too large")
    assert told(ours) is ours


def test_the_original_is_not_in_the_traceback() -> None:
    with pytest.raises(AuthenticationError) as caught, translating("publish to", "t"):
        raise answer("SignatureDoesNotMatch", f"x-amz-security-token:{TOKEN}")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_mistake_of_ours_is_not_told_as_aws_fault() -> None:
    with pytest.raises(KeyError), translating("publish to", "t"):
        raise KeyError("bug")


@pytest.mark.parametrize(
    "code", ["AWS.SimpleQueueService.NonExistentQueue", "com.amazonaws.sqs#QueueDoesNotExist", "NotFound", "404"]
)
def test_absence_is_known_in_every_spelling(code: str) -> None:
    assert is_absent(answer(code))


@pytest.mark.parametrize("error", [answer("AccessDenied"), answer("NotFoundish"), KeyError("x")])
def test_nothing_else_is_absence(error: Exception) -> None:
    assert not is_absent(error)


def test_only_a_denial_is_a_denial() -> None:
    assert is_denied(answer("AccessDenied"))
    assert not is_denied(answer("Throttling"))


@pytest.mark.parametrize("response", [None, "text", {}, {"Error": {}}])
def test_what_is_no_answer_has_no_code(response: Any) -> None:
    error = Exception()
    error.response = response  # type: ignore[attr-defined]
    assert code_of(error) is None

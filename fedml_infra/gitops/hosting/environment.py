"""The code host that a pipeline runs on, by what its environment says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import SecretStr

from fedml_infra.gitops.hosting.protocol import Host


def host_from_environment(environment: Mapping[str, str]) -> Host | None:
    """GitHub or GitLab, where this is a job of theirs with a token that may write; None elsewhere.

    GitHub Actions: GITHUB_TOKEN, GITHUB_REPOSITORY, GITHUB_API_URL. GitLab CI: FEDML_GITLAB_TOKEN (a project access
    token: a job's own may write nothing), CI_PROJECT_ID, CI_API_V4_URL.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        from fedml_infra.gitops.hosting.github import GitHub

        token, repository = environment.get("GITHUB_TOKEN"), environment.get("GITHUB_REPOSITORY")
        api = environment.get("GITHUB_API_URL") or "https://api.github.com"
        return GitHub.at(api, repository, SecretStr(token)) if token and repository else None
    if environment.get("GITLAB_CI") == "true":
        from fedml_infra.gitops.hosting.gitlab import GitLab

        token, project = environment.get("FEDML_GITLAB_TOKEN"), environment.get("CI_PROJECT_ID")
        api = environment.get("CI_API_V4_URL") or "https://gitlab.com/api/v4"
        return GitLab.at(api, project, SecretStr(token)) if token and project else None
    return None


def number_from_environment(environment: Mapping[str, str]) -> int | None:
    """The pull (merge) request that a pipeline was started for (GITHUB_REF; CI_MERGE_REQUEST_IID)."""
    pulled = re.fullmatch(r"refs/pull/([1-9][0-9]*)/(?:merge|head)", environment.get("GITHUB_REF") or "")
    number = pulled[1] if pulled else environment.get("CI_MERGE_REQUEST_IID") or ""
    return int(number) if re.fullmatch(r"[1-9][0-9]*", number) else None


def branch_from_environment(environment: Mapping[str, str]) -> str | None:
    """The branch that a pipeline was started for, where its checkout may be a commit without one."""
    if environment.get("GITHUB_ACTIONS") == "true" and environment.get("GITHUB_REF_TYPE") == "branch":
        return environment.get("GITHUB_REF_NAME") or None
    return environment.get("CI_COMMIT_BRANCH") or None

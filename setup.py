"""Which packages are built, and from where; everything else about the distribution is in pyproject.toml."""

from setuptools import find_packages, setup

# The commands live in cli/ at the top of the repository and are installed as fedml_infra.cli, so that no package named
# "cli" lands in anyone's site-packages. The engine's go.mod and the lock of the requirements come along likewise.
ELSEWHERE = {
    "fedml_infra.cli": "cli",
    "fedml_infra.cli.gitops": "cli/gitops",
    "fedml_infra._pulumi_go": "tools/pulumi",
    "fedml_infra._requirements": "requirements",
}

setup(packages=[*find_packages(include=["fedml_infra", "fedml_infra.*"]), *ELSEWHERE], package_dir=ELSEWHERE)

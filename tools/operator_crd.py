"""Makes tests/gitops/operator_stack_v1.json: what the Pulumi Kubernetes Operator takes as a Stack of `pulumi.com/v1`.

python tools/operator_crd.py CHECKOUT TAG

CHECKOUT is a clone of https://github.com/pulumi/pulumi-kubernetes-operator (Apache License 2.0). Of its custom
resource definition the types alone are kept, no sentence: neither descriptions, nor the status, nor the pod template
(Kubernetes' own, and most of it), which what is rendered here does not have.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SOURCE = "operator/config/crd/bases/pulumi.com_stacks.yaml"
TARGET = Path(__file__).parent.parent / "tests" / "gitops" / "operator_stack_v1.json"
LEFT_OUT = {"description", "status", "podTemplate", "updateTemplate"}


def bare(schema: Any) -> Any:
    """The schema without what is left out."""
    if isinstance(schema, dict):
        # A property may bear the name of what is left out elsewhere: text is a description, a mapping is not.
        return {
            str(key): bare(value)
            for key, value in schema.items()
            if key not in LEFT_OUT or (key == "description" and isinstance(value, dict))
        }
    return [bare(each) for each in schema] if isinstance(schema, list) else schema


def main() -> int:
    """Writes the file."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    checkout, tag = sys.argv[1:]
    shown = ["git", "-C", checkout, "show", f"{tag}:{SOURCE}"]
    text = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    definition = YAML(typ="safe", pure=True).load(text)
    (version,) = (each for each in definition["spec"]["versions"] if each["name"] == "v1")
    made = {
        "source": f"https://github.com/pulumi/pulumi-kubernetes-operator/blob/{tag}/{SOURCE}",
        "version": tag,
        "schema": bare(version["schema"]["openAPIV3Schema"]),
    }
    TARGET.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

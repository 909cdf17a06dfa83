"""The files of config/examples, and docker-compose.yml, against the schemas of those who read them.

    tests/examples/run                                  all of it
    check.py                                            every file
    check.py --self-test                                every file with a defect, which has to be found

Nothing is contacted: the schemas come with the packages of requirements.txt. What the files say to the program, tests/it/packaging.rs
checks.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import botocore.session
import check_jsonschema
import jsonschema
import kubernetes_validate
import yaml
from botocore.validate import ParamValidator

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = "config/examples"

# Native sidecars are on by default since 1.29, and podFailurePolicy is stable since 1.31.
KUBERNETES = ["1.29", "1.31", "1.33"]

# PodMonitor belongs to the Prometheus Operator. Its schema comes with no package: these are the fields that we use, with their types.
POD_MONITOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "PodMonitor"},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["selector", "podMetricsEndpoints"],
            "properties": {
                "selector": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}},
                },
                "podMetricsEndpoints": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string", "pattern": "^/"},
                            "interval": {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"},
                        },
                    },
                },
            },
        },
    },
}


def against(schema, value):
    """What a JSON schema has to say about a value."""
    errors = jsonschema.validators.validator_for(schema)(schema).iter_errors(value)
    return [f"{'.'.join(map(str, error.absolute_path)) or 'it'}: {error.message}" for error in errors]


class OneOfAKind(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML's loader silently takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {key} comes twice")
        return super().construct_mapping(node, deep)


def kubernetes(text):
    problems = []
    for document in yaml.load_all(text, OneOfAKind):
        if document["kind"] == "PodMonitor":
            problems += against(POD_MONITOR, document)
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                problems.append(f"{version}: {document['kind']}: {error.message}")
            except kubernetes_validate.SchemaNotFoundError:
                problems.append(f"{version}: there is no {document['apiVersion']} {document['kind']}")
    return problems


def pairs_once(pairs):
    """Refuses a key that comes twice, of which JSON's loader silently takes the last."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} comes twice")
    return dict(pairs)


def beyond(shape, value, path=""):
    """What botocore's validator lets through: members that the model does not have, and values that an enum does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name in shape.members:
                yield from beyond(shape.members[name], member, f"{path}.{name}")
            else:
                yield f"{path}.{name}: unknown"
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from beyond(shape.member, item, f"{path}[{index}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value} is none of {', '.join(shape.enum)}"


def ecs(operation):
    def check(text):
        value = json.loads(text, object_pairs_hook=pairs_once)
        shape = botocore.session.get_session().get_service_model("ecs").operation_model(operation).input_shape
        report = ParamValidator().validate(value, shape)
        found = report.generate_report().splitlines() if report.has_errors() else []
        return found + list(beyond(shape, value))

    return check


# The grammar of IAM's policies, as far as a trust policy of a service goes.
TRUST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["Version", "Statement"],
    "properties": {
        "Version": {"const": "2012-10-17"},
        "Statement": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["Effect", "Principal", "Action", "Condition"],
                "properties": {
                    "Sid": {"type": "string", "pattern": "^[A-Za-z0-9]*$"},
                    "Effect": {"const": "Allow"},
                    "Principal": {"const": {"Service": "ecs-tasks.amazonaws.com"}},
                    "Action": {"const": "sts:AssumeRole"},
                    "Condition": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "StringEquals": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {"aws:SourceAccount": {"type": "string", "pattern": "^[0-9]{12}$"}},
                            },
                            "ArnLike": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {"aws:SourceArn": {"type": "string", "pattern": "^arn:aws:ecs:[^:]+:[0-9]{12}:"}},
                            },
                        },
                    },
                },
            },
        },
    },
}


def trust(text):
    return against(TRUST, json.loads(text, object_pairs_hook=pairs_once))


# What each unit is called where it is installed.
UNITS = {
    "systemd.service": "ecs-sdm-producer.service",
    "systemd-sync.service": "ecs-sdm-sync.service",
    "systemd.timer": "ecs-sdm-sync.timer",
}
PROGRAM = "/usr/local/bin/ecs-sdm-producer"


def unit(name):
    def check(text):
        with tempfile.TemporaryDirectory() as folder:
            for file, installed in UNITS.items():
                content = text if file == name else (ROOT / EXAMPLES / file).read_text()
                # The program need not be installed here.
                Path(folder, installed).write_text(content.replace(f"ExecStart={PROGRAM} ", f"ExecStart={sys.executable} "))
            command = ["systemd-analyze", "verify", "--man=no", str(Path(folder, UNITS[name]))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        # A key that it does not know is a warning, with exit code 0. It also speaks of units of the system.
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ecs-sdm-" in line]
        if done.returncode and not said:
            said.append(f"exit code {done.returncode}: {done.stderr}")
        # It does not look for what a timer starts.
        started = re.findall(r"^Unit=(.*)$", text, re.MULTILINE)
        return said + [f"there is no unit {one}" for one in started if one not in UNITS.values()]

    return check


def environment(text):
    """An env-file as Docker reads it: blanks and quotes belong to a value, and only a whole line is a comment."""
    problems, names = [], []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        name, _, value = line.partition("=")
        names.append(name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            problems.append(f"line {number}: {name!r} is no name of a variable")
        if value != value.strip() or value[:1] in ("'", '"') or " #" in value:
            problems.append(f"line {number}: {value!r} is taken as it stands")
    return problems + [f"{name} comes twice" for name in sorted(set(names)) if names.count(name) > 1]


def compose(text):
    schema = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return against(json.loads(schema.read_text()), yaml.load(text, OneOfAKind))


# Each file with its check, and for each defect what is replaced by what.
FILES = {
    f"{EXAMPLES}/kubernetes-sidecar.yaml": (
        kubernetes,
        [
            ("enableServiceLinks: false", "enableServiceLink: false"),
            ("terminationGracePeriodSeconds: 60", 'terminationGracePeriodSeconds: "60"'),
            ("startupProbe:", "startUpProbe:"),
            ("readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"),
            ("kind: Deployment", "kind: Deploymint"),
            ("replicas: 1", "replicas: 1\n  replicas: 2"),
        ],
    ),
    f"{EXAMPLES}/kubernetes-deployment.yaml": (
        kubernetes,
        [
            ("strategy:", "strategie:"),
            ("path: /livez", "paht: /livez"),
            ("containerPort: 7464", "containerPort: http"),
            ('prometheus.io/port: "7464"', "prometheus.io/port: 7464"),
            ("namespaceSelector:", "nameSpaceSelector:"),
        ],
    ),
    f"{EXAMPLES}/kubernetes-podmonitor.yaml": (
        kubernetes,
        [("podMetricsEndpoints:", "podMetricEndpoints:"), ("port: telemetry", "port: 7464"), ("interval: 60s", "interval: 60")],
    ),
    f"{EXAMPLES}/kubernetes-cronjob.yaml": (
        kubernetes,
        [
            ("concurrencyPolicy: Forbid", "concurencyPolicy: Forbid"),
            ("podFailurePolicy:", "podFailurePolicies:"),
            ("values: [2]", 'values: ["2"]'),
            ("- action: FailJob", "- acton: FailJob"),
        ],
    ),
    f"{EXAMPLES}/ecs-task-definition.json": (
        ecs("RegisterTaskDefinition"),
        [
            ('"stopTimeout": 30', '"stopTimeOut": 30'),
            ('"stopTimeout": 30', '"stopTimeout": "30"'),
            ('"networkMode": "awsvpc"', '"networkMode": "awsvpn"'),
            ('"family": "ecs-sdm-producer",', ""),
            ('"essential": true,', '"essential": true, "essential": false,'),
        ],
    ),
    f"{EXAMPLES}/ecs-sidecar-task-definition.json": (
        ecs("RegisterTaskDefinition"),
        [
            ('"ignoredExitCodes": [64]', '"ignoredExitCode": [64]'),
            ('"ignoredExitCodes": [64]', '"ignoredExitCodes": ["64"]'),
            ('"logDriver": "awslogs"', '"logDriver": "awslog"'),
            ('"essential": false', '"essential": "false"'),
        ],
    ),
    f"{EXAMPLES}/ecs-service.json": (
        ecs("CreateService"),
        [
            ('"maximumPercent": 100', '"maximumPercents": 100'),
            ('"availabilityZoneRebalancing": "DISABLED"', '"availabilityZoneRebalancing": "OFF"'),
            ('"serviceName": "ecs-sdm-producer",', ""),
            ('"desiredCount": 1', '"desiredCount": "1"'),
        ],
    ),
    f"{EXAMPLES}/ecs-task-role-trust.json": (
        trust,
        [("ecs-tasks.amazonaws.com", "ecs.amazonaws.com"), ('"Condition"', '"Conditions"'), ('"111111111111"', '"11111111111"')],
    ),
    f"{EXAMPLES}/systemd.service": (
        unit("systemd.service"),
        [
            ("WatchdogSec=60", "WatchdogSecs=60"),
            ("Type=notify", "Type=notifi"),
            ("RestartPreventExitStatus=64", "RestartPreventExitStatus=wrong"),
            ("ProtectHome=yes", "ProtectHome=perhaps"),
            ("SystemCallFilter=@system-service", "SystemCallFilter=@system-services"),
            ("[Service]", "[Servise]"),
        ],
    ),
    f"{EXAMPLES}/systemd-sync.service": (
        unit("systemd-sync.service"),
        [("Type=oneshot", "Type=onceshot"), ("LoadCredential=", "LoadCredentials="), ("ExecStart=/usr", "ExecStart=usr")],
    ),
    f"{EXAMPLES}/systemd.timer": (
        unit("systemd.timer"),
        [("OnCalendar=hourly", "OnCalendar=hurly"), ("Persistent=true", "Persistant=true"), ("ecs-sdm-sync.service", "ecs-sdm-other.service")],
    ),
    f"{EXAMPLES}/docker.env": (
        environment,
        [
            ("ECS_SDM_INTERVAL=1h", 'ECS_SDM_INTERVAL="1h"'),
            ("ECS_SDM_INTERVAL=1h", "ECS_SDM_INTERVAL = 1h"),
            ("ECS_SDM_INTERVAL=1h", "ECS_SDM_INTERVAL=1h # an hour"),
            ("ECS_SDM_INTERVAL=1h", "export ECS_SDM_INTERVAL=1h"),
        ],
    ),
    "docker-compose.yml": (
        compose,
        [
            ("depends_on:", "depend_on:"),
            ("condition: service_healthy", "condition: healthy"),
            ("target: simulator", "targets: simulator"),
            ("healthcheck:", "healthCheck:"),
            ("stop_grace_period: 30s", "stop_grace_time: 30s"),
            ("cap_drop: [ALL]", "cap_drop: ALL"),
        ],
    ),
}


def problems(check, text):
    """What a check finds. A text that cannot be read at all is a finding too."""
    try:
        return check(text)
    except (ValueError, yaml.YAMLError) as error:
        return [str(error)]


def main():
    self_test = sys.argv[1:] == ["--self-test"]
    unknown = {str(path.relative_to(ROOT)) for path in (ROOT / EXAMPLES).iterdir()} - set(FILES)
    failed = sorted(f"{path}: nobody checks it" for path in unknown)
    not_run, defects = [], 0
    for path, (check, mutations) in FILES.items():
        if Path(path).name in UNITS and not shutil.which("systemd-analyze"):
            not_run.append(path)
            print(f"NOT RUN {path}: there is no systemd-analyze here")
            continue
        text = (ROOT / path).read_text()
        if not self_test:
            found = problems(check, text)
            failed += [f"{path}: {problem}" for problem in found]
            print(f"{'WRONG  ' if found else 'ok     '} {path}")
            continue
        for right, wrong in mutations:
            if right not in text:
                failed.append(f"{path}: it does not have {right!r}")
                continue
            found = problems(check, text.replace(right, wrong))
            defects += 1
            print(f"{'found  ' if found else 'MISSED '} {path}: {wrong!r}: {found[0] if found else ''}")
            if not found:
                failed.append(f"{path}: nobody finds {wrong!r}")
    for line in failed:
        print(line, file=sys.stderr)
    what = f"{defects} defects" if self_test else f"{len(FILES) - len(not_run)} files"
    print(f"{what}, {len(failed)} wrong, {len(not_run)} files not run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

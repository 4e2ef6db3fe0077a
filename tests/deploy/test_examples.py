"""What the examples of deployment have in common, whichever tool deploys them, read from the templates.

`scripts/deploy` runs these tests: it has the tools, and what the CDK app synthesises.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

WITHOUT: Final = "scripts/deploy runs it, with the tools that it installs"
botocore_session = pytest.importorskip("botocore.session", reason=WITHOUT)
cfn_yaml = pytest.importorskip("cfnlint.decode.cfn_yaml", reason=WITHOUT)
hcl2 = pytest.importorskip("hcl2", reason=WITHOUT)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent.parent
EXAMPLES: Final = ROOT / "examples/deploy"
WRAPPER: Final = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/rapid-wrapper"}
WAYS: Final = ("provided", "managed", "image")
GREETING: Final = {"GREETING": "Hello"}
LOGS: Final = ["logs:CreateLogStream", "logs:PutLogEvents"]
TRACES: Final = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
#: What a layer can be built for; that `rapid layer build` has the same is a test below.
RUNTIMES: Final = {"provided.al2", "provided.al2023", *(f"python3.{minor}" for minor in range(11, 16))}
LAYER_FILE: Final = re.compile(r"rapid-(provided\.al2(023)?-python3\.\d\d|python3\.\d\d)-(arm64|x86_64)\.zip")

Template = dict[str, Any]


def sam() -> Template:
    """Return the SAM template."""
    template: Template = cfn_yaml.load(str(EXAMPLES / "sam/template.yaml"))
    return template


def synthesised(name: str) -> Path:
    """Return the folder that `scripts/deploy` had the CDK app write, or skip."""
    folder = os.environ.get("RAPID_SYNTHESISED")
    if not folder:
        pytest.skip(WITHOUT)
    return Path(folder, name)


def cdk(name: str) -> Template:
    """Return a template that the CDK app made."""
    path = synthesised(name) / "RapidClient.template.json"
    if not path.exists():
        pytest.fail("the CDK app made no template", pytrace=False)
    template: Template = json.loads(path.read_text())
    return template


def terraform(path: str) -> dict[str, Any]:
    """Return the blocks of a Terraform file, strings without the quotes that python-hcl2 leaves on them."""

    def unquote(value: Any) -> Any:
        if isinstance(value, dict):
            return {unquote(key): unquote(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [unquote(inner) for inner in value]
        return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value

    with (EXAMPLES / "terraform" / path).open() as file:
        blocks: dict[str, Any] = unquote(hcl2.load(file))
    return blocks


def resources(template: Template, kind: str) -> Template:
    """Return a template's resources of one type, by name."""
    return {name: each for name, each in template["Resources"].items() if each["Type"] == kind}


def functions(template: Template) -> Iterator[tuple[str, Template]]:
    """Yield the CDK's functions: the way, and the properties."""
    for name, each in resources(template, "AWS::Lambda::Function").items():
        yield name.partition("Function")[0], each["Properties"]


def known_to_aws() -> set[str]:
    """Return the runtimes in botocore's service model of Lambda."""
    return set(botocore_session.get_session().get_service_model("lambda").shape_for("Runtime").enum)


def runtimes() -> set[str]:
    """Return every runtime that an example names."""
    template = sam()
    named = set(template["Parameters"]["Runtime"]["AllowedValues"])
    for each in template["Resources"].values():
        properties = each["Properties"]
        named |= {name for name in [properties.get("Runtime")] if isinstance(name, str)}
        named |= set(properties.get("CompatibleRuntimes", ()))
    text = "".join(path.read_text() for path in EXAMPLES.rglob("*.tf"))
    text += "".join(path.read_text() for path in (EXAMPLES / "cdk").glob("*.py"))
    return named | set(re.findall(r'"(provided\.\w+|python\d\.\d+)"', text))


def test_aws_knows_every_runtime() -> None:
    """The runtimes that the examples name are in botocore's list, and a layer can be built for each."""
    assert {"provided.al2", "provided.al2023", "python3.13"} <= runtimes()
    assert runtimes() <= known_to_aws()
    assert runtimes() <= RUNTIMES


def test_the_builder_builds_for_the_same_runtimes() -> None:
    """`rapid layer build` knows exactly the runtimes of this test, and AWS knows them all."""
    table = ROOT / "rapid_client/local/_target/runtimes.py"
    if not table.exists():
        pytest.skip("there is no `rapid layer build` in this checkout")
    lines = re.search(r"^RUNTIMES: Final = \{\n(.*?)^\}", table.read_text(), re.MULTILINE | re.DOTALL)
    assert lines
    assert set(re.findall(r'"([\w.]+)":', lines[1])) == RUNTIMES
    assert known_to_aws() >= RUNTIMES


def test_sam_deploys_one_function_in_three_ways() -> None:
    """SAM's functions have the same code, handler, role and variables; the managed one has the wrapper."""
    template = sam()
    shared = template["Globals"]["Function"]
    ways = resources(template, "AWS::Serverless::Function")
    zips = [ways["ProvidedFunction"]["Properties"], ways["ManagedFunction"]["Properties"]]
    image = ways["ImageFunction"]["Properties"]

    assert set(ways) == {"ProvidedFunction", "ManagedFunction", "ImageFunction"}
    assert shared["Environment"]["Variables"] == GREETING
    assert [each["CodeUri"] for each in zips] == ["../function"] * 2
    assert (EXAMPLES / "sam/../function/app.py").is_file()
    assert [each["Handler"] for each in zips] == ["app.handler"] * 2
    assert [each.get("Environment") for each in (*zips, image)] == [None, {"Variables": WRAPPER}, None]
    assert all(each["Role"] == {"Fn::GetAtt": ["Role", "Arn"]} for each in (*zips, image))


def test_cdk_deploys_one_function_in_three_ways() -> None:
    """The CDK's functions have the same code, settings and variables; the managed one has the wrapper."""
    ways = dict(functions(cdk("all")))

    assert set(ways) == {"Provided", "Managed", "Image"}
    assert ways["Provided"]["Code"] == ways["Managed"]["Code"]
    assert {ways[way]["Handler"] for way in ("Provided", "Managed")} == {"app.handler"}
    variables = {way: each["Environment"]["Variables"] for way, each in ways.items()}
    assert variables == {"Provided": GREETING, "Managed": GREETING | WRAPPER, "Image": GREETING}
    for setting in ("Architectures", "MemorySize", "Timeout", "TracingConfig"):
        assert len({json.dumps(each[setting]) for each in ways.values()}) == 1
    assert ways["Image"]["Architectures"] == ["x86_64"]
    assert set(dict(functions(cdk("default")))) == {"Provided", "Managed"}


def test_terraform_deploys_one_function_in_three_ways() -> None:
    """Terraform's three modules have the same code and variables; the managed one has the wrapper."""
    modules = {name: each for block in terraform("main.tf")["module"] for name, each in block.items()}

    assert [(name, each["way"]) for name, each in modules.items()] == [(way, way) for way in WAYS]
    assert {each["environment"] for each in modules.values()} == {"${local.environment}"}
    assert {name: each.get("function_zip") for name, each in modules.items()} == {
        "provided": "${local.dist}/function.zip",
        "managed": "${local.dist}/function.zip",
        "image": None,
    }
    root, module = terraform("main.tf")["locals"][0], terraform("modules/function/main.tf")["locals"][0]
    assert root["environment"] == GREETING
    assert 'var.way == "managed" ? {AWS_LAMBDA_EXEC_WRAPPER = "/opt/rapid-wrapper"}' in module["environment"]


def test_layers_are_named_as_the_builder_names_them() -> None:
    """The zips that the examples take from dist/ are those that `rapid layer build --out dist/` makes."""
    layers = resources(sam(), "AWS::Serverless::LayerVersion").values()
    named = {os.path.basename(each["Properties"]["ContentUri"]) for each in layers}
    for name in ("default", "all"):
        # The CDK names what it copies by a hash; the stand-in says which layer it stands for.
        for asset in synthesised(name).glob("asset.*.zip"):
            named.add(zipfile.ZipFile(asset).read("content").decode().strip())
    expression = terraform("modules/function/main.tf")["locals"][0]["layer_name"]
    for template in re.findall(r'"(rapid-[^"]+)"', expression):
        name = template.replace("${local.runtime}", "provided.al2023").replace("${var.architecture}", "arm64")
        named.add(f"{name}.zip")

    assert named == {
        "rapid-provided.al2023-python3.13-arm64.zip",
        "rapid-provided.al2-python3.13-x86_64.zip",
        "rapid-python3.13-arm64.zip",
        "rapid-python3.13-x86_64.zip",
    }
    assert all(LAYER_FILE.fullmatch(name) for name in named)


def test_only_the_function_on_provided_al2_may_be_deprecated() -> None:
    """cfn-lint's W2531 is ignored for the one function that can run on provided.al2, and nowhere else."""
    ignored = {"config": {"ignore_checks": ["W2531"]}}
    for template, ways in ((sam(), ["Provided"]), (cdk("default"), []), (cdk("all"), ["Provided"])):
        told = {
            name.partition("Function")[0]: each["Metadata"]["cfn-lint"]
            for name, each in template["Resources"].items()
            if "cfn-lint" in each.get("Metadata", {})
        }
        assert told == dict.fromkeys(ways, ignored)
        assert "cfn-lint" not in template.get("Metadata", {})


def statements(policies: list[Template]) -> list[tuple[list[str], Any]]:
    """Return what policies allow: the actions, and on what."""
    return [
        (statement["Action"], statement["Resource"])
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_sams_role_can_write_to_its_log_group_only() -> None:
    """SAM's role has the two log actions on the stack's log group, and X-Ray's two where tracing is on."""
    role = sam()["Resources"]["Role"]["Properties"]
    plain, traced = role["Policies"]

    assert "ManagedPolicyArns" not in role
    assert statements([plain]) == [(LOGS, {"Fn::GetAtt": ["LogGroup", "Arn"]})]
    condition, with_xray, without = traced["Fn::If"]
    assert (condition, without) == ("Traced", {"Ref": "AWS::NoValue"})
    assert statements([with_xray]) == [(TRACES, "*")]


def test_cdks_roles_can_write_to_their_log_groups_only() -> None:
    """The CDK's roles have the two log actions on their function's log group, and X-Ray's where it is on."""
    for name, traces in (("default", []), ("all", [(TRACES, "*")])):
        template = cdk(name)
        roles = resources(template, "AWS::IAM::Role").values()
        policies = [each["Properties"] for each in resources(template, "AWS::IAM::Policy").values()]

        assert not any("ManagedPolicyArns" in each["Properties"] for each in roles)
        assert len(policies) == len(list(functions(template)))
        for policy in policies:
            way = policy["PolicyName"].partition("Role")[0]
            (group,) = (each for each in resources(template, "AWS::Logs::LogGroup") if each.startswith(way))
            assert statements([policy]) == [(LOGS, {"Fn::GetAtt": [group, "Arn"]}), *traces]


def test_terraforms_role_can_write_to_its_log_group_only() -> None:
    """Terraform's role has the two log actions on its log group, and X-Ray's two where tracing is on."""
    documents = {
        name: each
        for block in terraform("modules/function/main.tf")["data"]
        for name, each in block["aws_iam_policy_document"].items()
    }
    (logs,) = documents["this"]["statement"]
    (traces,) = (block["statement"] for block in documents["this"]["dynamic"])

    assert logs["actions"] == LOGS
    assert logs["resources"] == ["${aws_cloudwatch_log_group.this.arn}:*"]
    assert traces["for_each"] == '${var.xray ? ["xray"] : []}'
    assert traces["content"][0]["actions"] == TRACES


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_actions_are_pinned_by_commit(name: str) -> None:
    """Each action of a workflow is named by a whole commit, with its version in a comment."""
    workflow = (ROOT / ".github/workflows" / name).read_text()
    uses = re.findall(r"^\s*(?:- )?uses: (.*)$", workflow, re.MULTILINE)
    foreign = [each for each in uses if not each.startswith("./")]

    assert foreign
    for each in foreign:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each

"""What other projects' CI takes from this repository calls commands and options that exist."""

import argparse
import re
from pathlib import Path

import pytest
import yaml

from exporter.cli import bench, check
from runtimes.version import __version__

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "bertport-check.yml"


def options(command):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


def calls(text, name):
    """The options of every `bertport NAME …` in the text."""
    return [set(re.findall(r"(?<=\s)--?[a-z][\w-]*", call)) for call in re.findall(rf"bertport {name}(.*)", text)]


def test_the_hook_runs_the_check():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "bertport check"
    assert hook["pass_filenames"] is False
    assert re.search(hook["files"], "bertport.toml")
    assert re.search(hook["files"], "models/tiny/model.safetensors")
    assert not re.search(hook["files"], "README.md")


def test_the_workflow_can_be_called_and_its_options_exist():
    text = WORKFLOW.read_text()
    workflow = yaml.safe_load(text)
    assert "workflow_call" in workflow[True]  # YAML 1.1 reads `on` so
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all("inputs." not in step.get("run", "") for step in steps)  # an input in a script is an injection
    used = calls("\n".join(step.get("run", "") for step in steps), "check")
    assert len(used) == 2
    assert all(one <= options(check) for one in used)
    (benched,) = calls("\n".join(step.get("run", "") for step in steps), "bench")
    assert benched <= options(bench)


def test_an_option_that_does_not_exist_is_noticed():
    assert not calls("bertport check x --unit-tests y", "check")[0] <= options(check)


def test_the_action_calls_what_there_is():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in steps)
    assert all("inputs." not in step["run"] for step in steps)
    (used,) = calls("\n".join(step["run"] for step in steps), "check")
    assert used
    assert used <= options(check)


def test_a_release_is_checked_before_it_is_published():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    assert workflow[True]["push"] == {"tags": ["v*"]}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"]["id-token"] == "write"
    assert "permissions" not in build
    assert any("twine check --strict" in step.get("run", "") for step in build["steps"])
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()


def test_the_citation_is_of_this_version():
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert found["version"] == __version__
    assert {"cff-version", "message", "title", "authors"} <= found.keys()


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda one: one.stem
)
def test_a_form_of_an_issue_is_whole(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    kinds = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    assert {field["type"] for field in form["body"]} <= kinds
    names = [field["id"] for field in form["body"]]
    assert len(names) == len(set(names))
    assert all(field["attributes"]["label"] for field in form["body"])

"""What other projects' CI takes from this repository calls commands and options that exist."""

import argparse
import re
from pathlib import Path

import yaml

from exporter.cli import bench, check

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

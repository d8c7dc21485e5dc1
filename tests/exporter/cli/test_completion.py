"""The completion script names every command and option, and completes them in a real bash."""

import shutil
import subprocess

import pytest
import shtab

from exporter.cli.main import COMMANDS, command_parser, main
from exporter.targets.registry import TARGETS, scheme_names

PARSERS = next(one for one in command_parser()._actions if hasattr(one, "choices") and one.choices).choices
BASH = shutil.which("bash")
ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_bertport
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
EMPTY = "''"


def script(shell, capsys):
    capsys.readouterr()
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.fixture
def completed(capsys, tmp_path):
    """What a real bash offers after these words, of which the last one is being typed."""
    (tmp_path / "bertport.bash").write_text(script("bash", capsys), encoding="utf-8")

    def get(*words):
        asked = ASK.format(script=tmp_path / "bertport.bash", words=" ".join(["bertport", *words]))
        command = [BASH, "--norc", "--noprofile", "-c", asked]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert done.stderr == ""
        return set(done.stdout.split())

    return get


@pytest.mark.parametrize("shell", shtab.SUPPORTED_SHELLS)
def test_every_command_and_every_long_option_is_in_the_script(shell, capsys):
    said = script(shell, capsys)
    for command in COMMANDS:
        assert command in said
        for flag in PARSERS[command]._option_string_actions:
            if flag.startswith("--") and flag != "--trust-remote-code":
                assert flag.removeprefix("--") in said, (command, flag)


@pytest.mark.skipif(BASH is None, reason="bash is not here")
def test_bash_completes_commands(completed):
    assert completed(EMPTY) >= set(COMMANDS)
    assert completed("ev") == {"evaluate"}
    assert completed("nothing-begins-so") == set()


@pytest.mark.skipif(BASH is None, reason="bash is not here")
@pytest.mark.parametrize("command", COMMANDS)
def test_bash_completes_every_option_of_every_command(completed, command):
    own = set(PARSERS[command]._option_string_actions) - {"--trust-remote-code"}
    assert completed(command, "--") == {flag for flag in own if flag.startswith("--")}


@pytest.mark.skipif(BASH is None, reason="bash is not here")
def test_bash_completes_values(completed, tmp_path):
    assert completed("export", "--target", EMPTY) == set(TARGETS)
    assert completed("export", "--quantize", EMPTY) == set(scheme_names())
    (tmp_path / "folder").mkdir()
    (tmp_path / "texts.txt").write_text("a text")
    assert completed("export", "--texts", "te") == {"texts.txt"}
    assert completed("export", "-o", "fo") == {"folder"}
    assert completed("export", "-o", "te") == set()


def test_a_shell_that_is_not_known_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["completion", "dos"])
    assert end.value.code == 2
    assert "invalid choice: 'dos'" in capsys.readouterr().err

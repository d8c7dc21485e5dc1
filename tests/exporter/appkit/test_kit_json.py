"""kit.json has one form on every platform, and each one's code reads the names that stand in it."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from exporter.appkit import kit_json
from exporter.appkit.camel_case import camel, camel_json
from exporter.appkit.kit_json import Input, KitSettings, ModelFile, Parity, Shown
from exporter.appkit.platform import WRAPPERS
from exporter.appkit.registry import PLATFORMS
from exporter.appkit.wordpiece import AddedToken, Slot, WordPiece
from exporter.checkpoint.config.labels import ONE_SCORE, PROBLEMS
from exporter.cli.main import main
from exporter.model.tasks import TASKS
from runtimes.parity.shown import LIKELY_LOGIT, LONGEST_ANSWER, Tag, read_tag, window_tokens

APPKIT = Path(kit_json.__file__).parent
SWIFT = [APPKIT / "ios/package/Sources/BertKit" / f"{name}.swift" for name in ("KitSettings", "TokenizerSettings")]
KOTLIN = APPKIT / "android/module/src/main/kotlin/bertkit/KitSettings.kt"
TYPES = APPKIT / "web/site/bertkit/index.d.ts"
STRUCTS = {
    "KitSettings": KitSettings,
    "Input": Input,
    "Model": ModelFile,
    "Parity": Parity,
    "Shown": Shown,
    "Tag": Tag,
    "TokenizerSettings": WordPiece,
    "AddedToken": AddedToken,
    "Slot": Slot,
}
"""A type of the Swift sources → the class whose fields it decodes."""
OPTIONAL = {"computeUnits"}
KITS = [(name, target) for name, one in PLATFORMS.items() for target in one.targets]


def names(kind: type) -> set[str]:
    return {camel(field.name) for field in fields(kind)} - {"pieces"}


@pytest.fixture(scope="module")
def kits(tmp_path_factory, write_checkpoint):
    """kit.json of one checkpoint on every platform, for every target that it takes."""
    from exporter.options.request import Request
    from exporter.pipeline import export
    from exporter.targets.target import Settings

    root = tmp_path_factory.mktemp("kits")
    checkpoint = write_checkpoint(root / "checkpoint", architecture="BertForTokenClassification", labels=3)
    config = json.loads((checkpoint / "config.json").read_text())
    labels = ["O", "B-PER", "I-PER"]
    (checkpoint / "config.json").write_text(
        json.dumps(
            config | {"id2label": dict(enumerate(labels)), "label2id": {one: at for at, one in enumerate(labels)}}
        )
    )
    found = {}
    for name, target in KITS:
        bundle, place = root / target, root / f"{name}-{target}"
        if not bundle.exists():
            settings = Settings(options={"sequence_lengths": (24,)})
            export(Request(str(checkpoint), (target,), destination=bundle, settings=settings, texts=("a cat",)))
        assert main(["app-kit", str(bundle), "--platform", name, "-o", str(place / "Kit")]) == 0
        (path,) = place.rglob("kit.json")
        assert all((path.parent / model["file"]).exists() for model in json.loads(path.read_bytes())["models"])
        found[name, target] = json.loads(path.read_bytes())
    return found


@pytest.mark.parametrize("kit", KITS)
def test_every_platform_has_the_fields_of_the_one_class(kit, kits):
    assert set(kits[kit]) | OPTIONAL == names(KitSettings)
    assert set(kits[kit]["shown"]) == names(Shown)
    assert set(kits[kit]["parity"]) == names(Parity)
    assert set(kits[kit]["tokenizer"]) == names(WordPiece)


@pytest.mark.parametrize("kit", KITS)
def test_what_a_user_is_shown_is_stated_as_parity_has_it(kit, kits):
    longest = kits[kit]["maxTokens"]
    window, shared = window_tokens(longest)
    assert kits[kit]["shown"] == {
        "longestAnswer": LONGEST_ANSWER,
        "windowTokens": window,
        "sharedTokens": shared,
        "likelyLogit": LIKELY_LOGIT,
        "tags": camel_json([read_tag(label) for label in kits[kit]["labels"]]),
    }
    assert [tag.get("shown") for tag in kits[kit]["shown"]["tags"]] == [None, "PER", "PER"]


def test_all_platforms_are_told_the_same_of_a_checkpoint(kits):
    same = ("source", "task", "problem", "labels", "activation", "prompt", "outputs", "tokenOutputs", "tokenizer")
    stated = [{name: kit[name] for name in same} for kit in kits.values()]
    assert all(one == stated[0] for one in stated)
    assert stated[0]["tokenOutputs"] == ["logits"]
    assert {kit: told["target"] for kit, told in kits.items()} == {kit: kit[1] for kit in KITS}


def swift_fields(source: str, struct: str) -> set[str]:
    """The stored properties of a struct: lines one step further in than it is."""
    indent, body = re.search(
        rf"^( *)public struct {struct}\b[^\n]*\n(.*?)^\1}}", source, re.MULTILINE | re.DOTALL
    ).groups()
    lines = re.findall(rf"^{indent}    public let ([\w, ]+):", body, re.MULTILINE)
    return {name.strip() for line in lines for name in line.split(",")}


PROBLEMS_OF_KITS = {*(TASKS[task].problem or ONE_SCORE for task in WRAPPERS), *PROBLEMS}
"""What `problem` of kit.json may be: of a text classifier config.json says which."""


def swift_problems(source: str) -> set[str]:
    """The raw values of the enumeration: a name by itself where nothing is assigned."""
    body = re.search(r"^public enum Problem\b[^\n]*\n(.*?)^}", source, re.MULTILINE | re.DOTALL).group(1)
    cases = [one.strip() for line in re.findall(r"^    case (.*)$", body, re.MULTILINE) for one in line.split(",")]
    return {case.partition(" = ")[2].strip('"') or case for case in cases}


def test_swift_and_typescript_know_every_problem_of_a_kit():
    """Swift cannot read a kit.json with another one."""
    source, types = SWIFT[0].read_text(encoding="utf-8"), TYPES.read_text(encoding="utf-8")
    assert swift_problems(source) == PROBLEMS_OF_KITS
    assert swift_problems(source.replace('"text_ranking"', '"ranking"')) != PROBLEMS_OF_KITS
    listed = re.search(r"^export type Problem =\n(.*?);", types, re.MULTILINE | re.DOTALL).group(1)
    assert set(re.findall(r'"(\w+)"', listed)) == PROBLEMS_OF_KITS


def kotlin_fields(source: str) -> dict[str, set[str]]:
    """By the object that a name is asked of: `root` for kit.json itself, `json` for a part."""
    asked = re.findall(r'\b(\w+)\.(?:get\w*|has|opt\w*)\("(\w+)"\)', source)
    return {place: {name for where, name in asked if where == place} for place in {where for where, _ in asked}}


def typescript_fields(source: str, interface: str) -> set[str]:
    body = re.search(rf"^export interface {interface} {{\n(.*?)^}}", source, re.MULTILINE | re.DOTALL).group(1)
    return set(re.findall(r"^  readonly (\w+)\??:", body, re.MULTILINE))


@pytest.mark.parametrize("struct", STRUCTS)
def test_swift_reads_the_fields(struct):
    source = "\n".join(path.read_text(encoding="utf-8") for path in SWIFT)
    assert swift_fields(source, struct) == names(STRUCTS[struct])
    renamed = source.replace("let source", "let origin").replace("let name", "let label")
    renamed = renamed.replace("let file", "let path").replace("let verdict", "let result").replace("kind", "sort")
    renamed = renamed.replace("longestAnswer", "longest").replace("typeId", "type").replace("prefix", "before")
    renamed = renamed.replace("let text", "let words").replace("bertport, source", "bertport, origin")
    assert swift_fields(renamed, struct) != names(STRUCTS[struct])


def test_kotlin_reads_fields_that_there_are():
    found = kotlin_fields(KOTLIN.read_text(encoding="utf-8"))
    assert len(found["root"]) > 12
    assert found["root"] <= names(KitSettings)
    assert names(Shown) | names(Tag) | names(ModelFile) <= found["json"]
    others = names(ModelFile) | names(WordPiece) | names(AddedToken) | names(Slot)
    assert found["json"] <= names(Shown) | names(Tag) | others
    changed = kotlin_fields(KOTLIN.read_text(encoding="utf-8").replace('"models"', '"model"'))
    assert not changed["root"] <= names(KitSettings)


@pytest.mark.parametrize(("interface", "kind"), [("KitSettings", KitSettings), ("ShownSettings", Shown)])
def test_the_types_for_javascript_have_the_fields(interface, kind):
    source = TYPES.read_text(encoding="utf-8")
    assert typescript_fields(source, interface) == names(kind)
    assert typescript_fields(source.replace("Tokens:", "Pieces:"), interface) != names(kind)


def javascript_fields(source: str) -> set[str]:
    return set(re.findall(r"\b(?:settings|kit)\.(?!json)(\w+)", source))


def test_javascript_reads_fields_that_there_are():
    source = "\n".join(path.read_text(encoding="utf-8") for path in (APPKIT / "web" / "site").rglob("*.js"))
    found = javascript_fields(source)
    assert {"shown", "models", "inputs", "maxTokens", "tokenizer"} <= found
    assert found <= names(KitSettings) | names(WordPiece)
    renamed = javascript_fields(source.replace("settings.models[0].file", "settings.model"))
    assert renamed - names(KitSettings) - names(WordPiece) == {"model"}

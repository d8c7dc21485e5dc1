"""A kit of a bundle with a smaller vocabulary carries that vocabulary, and its golden ids are of it."""

import json

import pytest
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from exporter.appkit.registry import PLATFORMS
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.cli.main import main
from exporter.targets.target import Settings


@pytest.mark.parametrize(
    ("platform", "target"), [(name, target) for name, one in PLATFORMS.items() for target in one.targets]
)
def test_the_kit_speaks_in_the_pieces_that_stayed(checkpoint, make_bundle, texts, tmp_path, platform, target):
    settings = Settings({"sequence_lengths": (24,)}, trim=Trim(texts[:9]))
    bundle = make_bundle(checkpoint, settings=settings, targets=(target,))
    assert main(["app-kit", str(bundle), "--platform", platform, "-o", str(tmp_path / "Kit")]) == 0
    files = [path for path in (tmp_path / "Kit").rglob("*") if path.is_file()]
    pieces = (bundle / "vocab.txt").read_bytes()
    assert b"falls" in pieces
    assert b"team" not in pieces
    carried = [path for path in files if path.name in ("vocab.txt", "tokenizer.json")]
    assert carried
    for path in carried:
        assert path.read_bytes() == (bundle / path.name).read_bytes()
        assert b"team" not in path.read_bytes()
    (golden,) = {path.read_bytes() for path in files if path.name.startswith("golden") and path.suffix == ".json"}
    tokenizer = BertWordPieceTokenizer(str(bundle / "vocab.txt"))
    vectors = json.loads(golden)["vectors"]
    assert vectors
    for vector in vectors:
        assert tokenizer.encode(vector["text"]).ids == vector["input_ids"]

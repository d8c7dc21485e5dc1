"""What tests of checkpoints share."""

import pytest


@pytest.fixture
def sentences(make_checkpoint, write_sentence_files):
    """A sentence model as sentence-transformers saves it."""
    folder = make_checkpoint(architecture="BertModel")
    write_sentence_files(folder)
    return folder

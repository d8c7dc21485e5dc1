"""Label names and problem type of a classifier, from config.json."""

from collections.abc import Mapping
from typing import Any

from runtimes.errors import CheckpointError, UnsupportedError, excerpt

MOST_LABELS = 100_000
ONE_SCORE = "score"
"""Our name for what transformers' config leaves open: one label, and nothing that says it is a regression."""
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")


def check_number_of_labels(config: Mapping[str, Any]) -> None:
    """transformers makes a name for each of `num_labels`, however many rows the classifier has."""
    count = config.get("num_labels")
    if count is not None and (type(count) is not int or not 0 <= count <= MOST_LABELS):
        raise CheckpointError(
            f"config.json: num_labels {excerpt(count)}, expected a number up to {MOST_LABELS:,}; correct it"
        )


def read_labels(config: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    """Labels by index: from id2label, else from label2id; LABEL_0… for all `rows` of the head where neither names any.

    Raises CheckpointError for names that are not one for each row.
    """
    id2label = config.get("id2label")
    if id2label is None:
        return _inverted(config.get("label2id"), rows) or tuple(f"LABEL_{index}" for index in range(rows))
    if not isinstance(id2label, dict) or sorted(id2label) != sorted(map(str, range(len(id2label)))):
        raise CheckpointError(
            'config.json: id2label must name 0, 1, … without holes, as {"0": "no", "1": "yes"}, '
            f"found {excerpt(id2label)}; correct the file"
        )
    names = [id2label[str(index)] for index in range(len(id2label))]
    nameless = next((name for name in names if not isinstance(name, str | int | float)), None)
    if nameless is not None or None in names:
        raise CheckpointError(f"config.json: id2label has {excerpt(nameless)} where a name is expected; correct it")
    if rows and rows != len(names):
        raise CheckpointError(
            f"config.json: id2label has {len(names)} labels and the classifier {rows} rows; correct id2label, or "
            f"remove it with label2id for LABEL_0 … LABEL_{rows - 1}"
        )
    labels = tuple(map(str, names))
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise CheckpointError(f"config.json: id2label names a label twice: {excerpt(twice)}; correct id2label")
    return labels


def _inverted(label2id: object, rows: int) -> tuple[str, ...]:
    """The names in the order of their numbers, where these are one for each row."""
    if not isinstance(label2id, dict) or any(type(number) is not int for number in label2id.values()):
        return ()
    by_number = {number: label for label, number in label2id.items()}
    fits = sorted(by_number) == list(range(rows)) and len(label2id) == rows
    return tuple(by_number[number] for number in range(rows)) if fits else ()


def with_labels(config: Mapping[str, Any], labels: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The config whose id2label and label2id both say `labels`; and what should be known of that, one line each.

    Names that both give alike stay as they are.
    """
    id2label = {str(index): label for index, label in enumerate(labels)}
    label2id = {label: index for index, label in enumerate(labels)}
    config, notes = _without_odd(config, _odd_problem(config))
    stated, inverse = config.get("id2label"), config.get("label2id")
    if stated is None:
        if inverse and inverse != label2id:
            unused = f"config.json: label2id says {excerpt(inverse)}, not one number for each of {len(labels)} labels"
            notes = (*notes, f"{unused}: these are {', '.join(labels[:3])}…; write id2label for other names")
        return config | {"id2label": id2label, "label2id": label2id}, notes
    if inverse is None or inverse == label2id:
        return config, notes
    note = f"config.json: label2id says {excerpt(inverse)} and id2label {excerpt(stated)}; id2label is taken for both"
    return config | {"label2id": label2id}, (*notes, note)


def without_labels(config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `with_labels` for a head without labels: what is no mapping, or no problem, goes with a note."""
    odd = [key for key in ("id2label", "label2id") if not _is_mapping(key, config.get(key))]
    return _without_odd(config, odd + _odd_problem(config))


def _odd_problem(config: Mapping[str, Any]) -> list[str]:
    return ["problem_type"] if config.get("problem_type") not in (None, *PROBLEMS) else []


def _without_odd(config: Mapping[str, Any], odd: list[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    note = f"config.json: left out {', '.join(odd)}: this head does not read them, and libraries would stumble"
    unsaid = [] if config.get("num_labels", 0) is not None else ["num_labels"]
    return {key: value for key, value in config.items() if key not in (*odd, *unsaid)}, (note,) if odd else ()


def _is_mapping(key: str, value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or len(value) > MOST_LABELS:
        return False
    numbers = value.keys() if key == "id2label" else map(str, value.values())
    return all(number.isdecimal() for number in numbers)


def read_problem(config: Mapping[str, Any], labels: int) -> str:
    """transformers' problem_type; where config.json is silent, one output is a score of the one label.

    Trained by transformers it would say regression: such a checkpoint is of sentence-transformers or of one's own loss.
    """
    problem = config.get("problem_type")
    if not problem:
        return ONE_SCORE if labels == 1 else PROBLEMS[0]
    if problem not in PROBLEMS:
        raise UnsupportedError(
            f"config.json: problem_type {excerpt(problem)} is not supported; known: {', '.join(PROBLEMS)}: correct it, "
            "or remove it"
        )
    return str(problem)

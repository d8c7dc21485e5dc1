"""Uploading the staged folder to the Hub, by huggingface_hub. The token is its own business, and is never printed."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from runtimes.errors import ExportError, UsageError


@dataclass(frozen=True)
class Destination:
    """A repository: made private if it is not there, written to directly or by a pull request."""

    repo: str
    private: bool = False
    create_pr: bool = False


def check_repo(repo: str) -> None:
    """Raises UsageError for what is no owner/name."""
    if not _REPO.fullmatch(repo):
        raise UsageError(f"--repo {repo}: expected owner/name, of letters, digits, '-', '_' and '.'")


def upload(folder: Path, destination: Destination) -> str:
    """Upload the folder in one commit and return its address; files that are there already are not sent again.

    Raises ExportError, in one line with what to do, where the Hub refuses or cannot be reached.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        return _sent(folder, destination)
    except LocalTokenNotFoundError as error:
        raise ExportError(f"{destination.repo}: no token; run `hf auth login`, or set HF_TOKEN") from error
    except HfHubHTTPError as error:
        code = error.response.status_code
        raise ExportError(f"{destination.repo}: the Hub answered {code}; {_ADVICE.get(code, _AGAIN)}") from error
    except Exception as error:  # the library that it sends with has changed thrice, and each has errors of its own
        what = f"the Hub was not reached, or not to the end ({type(error).__name__})"
        raise ExportError(f"{destination.repo}: {what}; {_AGAIN}") from error


def _sent(folder: Path, destination: Destination) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi()
    api.create_repo(destination.repo, private=destination.private, exist_ok=True)
    done = api.upload_folder(
        repo_id=destination.repo,
        folder_path=folder,
        commit_message="Publish bundles of bertport",
        create_pr=destination.create_pr,
    )
    return str(done.pr_url or done.commit_url)


_REPO = re.compile(r"[\w][\w.-]{0,95}/[\w][\w.-]{0,95}", re.ASCII)
_AGAIN = "run the command again: what was sent is not sent twice, and the staged folder stays"
_ADVICE = {
    401: "log in with a token that may write: `hf auth login`, or HF_TOKEN",
    403: "the token may not write there: take one that may, or --create-pr",
    404: "there is no such owner, or the token may not see the repository",
}

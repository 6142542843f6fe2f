"""The files of a model on the hub: in the cache, or downloaded; and why they cannot be had."""

from __future__ import annotations

from pathlib import Path

from evalkit.files import REMEDIES, told

WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.codes", "*.jinja"]
# A hub that has not answered by then is not there: behind many firewalls nothing is refused, it is only never answered.
PATIENCE_S = 10.0


class NotHadError(Exception):
    """Why a hub id cannot be had, as the end of a sentence, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def fetched(name: str, revision: str | None) -> Path:
    """The folder that holds one revision's files. Raises NotHadError.

    What the network said differs from machine to machine and helps nobody; what it means does not.
    """
    import huggingface_hub
    from huggingface_hub import errors

    silent = _silent(name, revision)
    try:
        # The patterns' stars cross slashes: folders (checkpoints, exports to other formats) are left out.
        found = huggingface_hub.snapshot_download(
            name,
            revision=revision,
            allow_patterns=WANTED,
            ignore_patterns=["*/*"],
            local_files_only=silent is not None,
        )
    except errors.HFValidationError:
        raise NotHadError("it is no such id", "a hub id is written org/name") from None
    except errors.GatedRepoError:
        remedy = "accept its terms on its page, then log in (`hf auth login`, or HF_TOKEN)"
        raise NotHadError("it is gated, and the hub does not know who asks", remedy) from None
    except errors.RevisionNotFoundError:
        raise NotHadError(f'the hub has it, but no revision "{revision}"', "name a commit, a tag or a branch") from None
    except errors.RepositoryNotFoundError:
        remedy = "check the name; a private model needs a login (`hf auth login`, or HF_TOKEN)"
        raise NotHadError("the hub does not have it", remedy) from None
    except Exception as error:  # a disk's, or the HTTP library's own, which changes with the hub's
        if isinstance(error, OSError) and error.errno in REMEDIES:
            raise NotHadError(f"it cannot be stored in the cache: {told(error)}", "see HF_HOME") from None
        if silent is None and not isinstance(error, errors.LocalEntryNotFoundError):
            raise NotHadError("the download broke off", "the same command goes on with it") from None
        why, remedy = silent or ("the hub cannot be reached", "connect, or download the model before")
        # Older versions of the library have no such class.
        incomplete = isinstance(error, getattr(errors, "IncompleteSnapshotError", ()))
        part = "only a part of it is" if incomplete else "it is not"
        raise NotHadError(f"{part} in the cache, and {why}", remedy) from None
    return Path(found)


def _silent(name: str, revision: str | None) -> tuple[str, str] | None:
    """Why the hub will not answer, and what to do; None when it answers, whatever it says.

    Asked first because the download itself waits for ever.
    """
    import huggingface_hub
    from huggingface_hub import errors

    try:
        huggingface_hub.HfApi().model_info(name, revision=revision, timeout=PATIENCE_S)
    except errors.OfflineModeIsEnabled:
        return "HF_HUB_OFFLINE is set, so the hub is not asked", "unset HF_HUB_OFFLINE, or download the model before"
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status < 500:
            return None
        return f"the hub is out of order (it answered {status})", "try again later, or download the model before"
    except errors.HFValidationError:
        return None
    except Exception as error:  # the HTTP library's own, which changes with the hub's
        late = "timeout" in type(error).__name__.lower()
        why = f"the hub did not answer within {PATIENCE_S:g} s" if late else "the hub cannot be reached"
        return why, "connect, or download the model before"
    return None

"""The owner's settings file, changed so that it is always whole: the old one or the new one, never half of either."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.errors import SettingsInvalid


def rewrite(path: Path, change: Callable[[str], str], check: Callable[[Path], None]) -> None:
    """Put the changed text in the place of the file's, which keeps its mode, its owner and its name.

    `check` reads the new file before it takes the old one's place. Raises SettingsInvalid, also what `change` and
    `check` raise of it; then the file is as it was.
    """
    try:
        target = path.resolve(strict=True)  # of a link the file is replaced, not the link
        before = target.stat()
        text = target.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read: {error}") from error
    changed = change(text)
    try:
        new = _written_beside(target, changed, before)
    except OSError as error:
        raise _unchanged(path, error) from error
    try:
        _checked(new, path, check)
        now = target.stat()
        if (now.st_ino, now.st_mtime_ns, now.st_size) != (before.st_ino, before.st_mtime_ns, before.st_size):
            raise SettingsInvalid(f"{path} was changed by somebody else just now; nothing was written, try again")
        new.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _unchanged(path, error) from error
    finally:
        new.unlink(missing_ok=True)


def _checked(new: Path, path: Path, check: Callable[[Path], None]) -> None:
    try:
        check(new)
    except SettingsInvalid as error:
        said = str(error).replace(str(new), str(path))
        raise SettingsInvalid(f"nothing was changed, for the file would not be usable any more. {said}") from error


def _written_beside(target: Path, text: str, before: os.stat_result) -> Path:
    """The new text in a file of its own in the same folder, on the disk, with the old one's mode and owner."""
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    new = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(text.encode())
            file.flush()
            made = os.fstat(number)
            if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
                os.fchown(number, before.st_uid, before.st_gid)
            os.fchmod(number, before.st_mode & 0o7777)
            os.fsync(number)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return new


def _sync_folder(folder: Path) -> None:
    """The new name, too, must survive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _unchanged(path: Path, error: OSError) -> SettingsInvalid:
    return SettingsInvalid(
        f"{path} cannot be rewritten: {error.strerror or error}. It is as it was. A file that is mounted alone into a "
        "container cannot be replaced: change it by hand, or on its own machine"
    )

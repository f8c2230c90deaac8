"""Writing what a command was asked to save."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import InputError, Problem, shown

__all__ = ["write_file"]


def write_file(path: Path, content: str | bytes, option: str) -> None:
    """Write a text, or bytes such as a picture, to a file.

    Args:
        path: The file.
        content: What to write.
        option: The option that named the file.

    Raises:
        InputError: It cannot be written, such as a folder, or a file in a folder that is not there.
    """
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        message = f"cannot write the file: {error.strerror or error}"
        raise InputError(Problem(field=option, message=message, got=shown(str(path)))) from error

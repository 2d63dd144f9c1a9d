"""A zip of stored members, closed by the checksum of its own bytes.

The comment at the end of the file is ``sha256:`` and the digest of every byte before it: of the
members, of the zip's own headers, and of the length of the comment. A truncated or altered file
is told before anything in it is interpreted. Members are stored, never compressed, so nothing
unfolds to more than the file itself.
"""

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from explainrelu.errors import ArchiveError
from explainrelu.importers.archive.plain_records import refusal

__all__ = ["seal", "unseal"]

_TAG = b"sha256:"
_COMMENT_LENGTH = len(_TAG) + 64


def seal(members: Mapping[str, bytes]) -> bytes:
    """The file that holds these members, in this order.

    Parameters
    ----------
    members
        Contents by name, less than 2 GB together.

    Returns
    -------
    bytes
        The same for the same members, at any time and on any machine.

    Examples
    --------
    >>> unseal(seal({"a.txt": b"alpha"}), {"a.txt": 100})
    {'a.txt': b'alpha'}
    """
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED, allowZip64=False) as archive:
        # The comment's length stands before the comment, under the seal: reserve it.
        archive.comment = b" " * _COMMENT_LENGTH
        for name, content in members.items():
            entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    with buffer.getbuffer() as data:
        data[-_COMMENT_LENGTH:] = _comment(data[:-_COMMENT_LENGTH])
    return buffer.getvalue()


def unseal(data: bytes, limits: Mapping[str, int]) -> dict[str, bytes]:
    """The members of a sealed file.

    Parameters
    ----------
    data
        The whole file.
    limits
        The members it must have, in order, and how many bytes each may have.

    Raises
    ------
    ArchiveError
        Where a byte is missing or altered, or the members are others. A forged seal does not
        help: sizes are checked before anything is read.
    """
    if not data.startswith(b"PK\x03\x04"):
        raise refusal("the file", "an .xrelu archive, which is a zip", f"{data[:8]!r} at its start")
    view = memoryview(data)
    if bytes(view[-_COMMENT_LENGTH:]) != _comment(view[:-_COMMENT_LENGTH]):
        raise refusal(
            "the file",
            "an .xrelu archive that ends with the checksum of its bytes",
            "another ending: it is truncated, altered, or some other zip",
        )
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, limits, len(data))
            return {entry.filename: archive.read(entry) for entry in entries}
    except ArchiveError:
        raise
    except Exception as error:  # zipfile answers a forged header with whatever it trips over
        raise refusal("the file", "a zip that can be unpacked", f"{error!r}") from error


def _comment(body: memoryview) -> bytes:
    return _TAG + sha256(body).hexdigest().encode("ascii")


def _check_entries(entries: list[ZipInfo], limits: Mapping[str, int], available: int) -> None:
    names = [entry.filename for entry in entries]
    if names != list(limits):
        raise refusal("the members", " and ".join(limits), ", ".join(names[:4]) or "none")
    for entry in entries:
        if entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size:
            raise refusal(entry.filename, "stored without compression", "a compressed member")
        largest = min(available, limits[entry.filename])
        if entry.file_size > largest:
            raise refusal(entry.filename, f"at most {largest} bytes", f"{entry.file_size}")

import struct
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainrelu.errors import ArchiveError
from explainrelu.importers.archive.sealed_zip import seal, unseal

LIMITS = {"a": 100, "b": 100}
MEMBERS = {"a": b"alpha", "b": b"\x00\x01"}


@given(first=st.binary(max_size=50), second=st.binary(max_size=50))
def test_what_is_sealed_is_unsealed(first: bytes, second: bytes) -> None:
    members = {"a": first, "b": second}
    assert unseal(seal(members), LIMITS) == members
    assert seal(members) == seal(members)


def test_the_comment_is_the_checksum_of_all_before_it() -> None:
    data = seal(MEMBERS)
    assert data[-64:].decode() == sha256(data[:-71]).hexdigest()
    assert ZipFile(BytesIO(data)).comment == data[-71:]


def resealed(data: bytes) -> bytes:
    return data[:-64] + sha256(data[:-71]).hexdigest().encode()


@pytest.mark.parametrize("names", [("b", "a"), ("a",), ("a", "b", "c"), ()])
def test_other_members_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ArchiveError, match=r"zip|the members must be a and b"):
        unseal(seal(dict.fromkeys(names, b"")), LIMITS)


def test_a_member_beyond_its_limit_is_refused() -> None:
    with pytest.raises(ArchiveError, match="a must be at most 4 bytes, got 5"):
        unseal(seal(MEMBERS), {"a": 4, "b": 100})


def test_sizes_beyond_the_file_are_refused_unread() -> None:
    data = bytearray(seal(MEMBERS))
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
    with pytest.raises(ArchiveError, match="got 2147483648"):
        unseal(resealed(bytes(data)), {"a": 2**40, "b": 2**40})


@pytest.mark.parametrize("offset", range(46))
def test_a_forged_directory_entry_never_unseals_to_other_content(offset: int) -> None:
    data = bytearray(seal(MEMBERS))
    data[data.index(b"PK\x01\x02") + offset] ^= 0xFF
    with suppress(ArchiveError):
        assert unseal(resealed(bytes(data)), LIMITS) == MEMBERS

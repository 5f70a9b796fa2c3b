"""Framing and handshake: bytes in any cut become the same fields, and nonsense is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import WireError
from toolkit.gateway.fields import decimal, integer, number
from toolkit.gateway.wire import MAX_FRAME_BYTES, Hello, Receiver, frame, negotiate

HELLO = b"API\0" + b"\0\0\0\x09v157..178"
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
FRAMES = st.lists(st.lists(TEXT, min_size=1, max_size=8), max_size=6)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def test_the_hello_is_understood_when_it_is_cut_at_any_byte():
    for cut in range(len(HELLO) + 1):
        receiver = Receiver()
        received = receiver.feed(HELLO[:cut]) + receiver.feed(HELLO[cut:])
        assert received == [Hello(157, 178)]


def test_the_hello_is_understood_byte_by_byte():
    receiver = Receiver()
    assert [item for byte in HELLO for item in receiver.feed(bytes([byte]))] == [Hello(157, 178)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"v178", Hello(178, 178)),
        (b"v100..157 +PACEAPI", Hello(100, 157, "+PACEAPI")),
    ],
)
def test_a_hello_may_name_one_version_or_add_options(text, expected):
    assert Receiver().feed(b"API\0" + len(text).to_bytes(4, "big") + text) == [expected]


@given(FRAMES, st.lists(st.integers(0, 10_000), max_size=10))
def test_what_is_framed_is_read_back_whatever_the_cuts(frames, cuts):
    stream = HELLO + b"".join(map(frame, frames))
    receiver = Receiver()
    received = [item for piece in in_pieces(stream, cuts) for item in receiver.feed(piece)]
    assert received == [Hello(157, 178), *frames]


def test_a_frame_is_a_length_and_fields_that_each_end_with_nul():
    assert frame(["49", "1"]) == b"\0\0\0\x05" + b"49\x001\0"


def test_only_ascii_leaves_the_gateway():
    assert frame(["Zürich"])[4:] == b"Z?rich\0"


@pytest.mark.parametrize(
    ("announced", "version"),
    [(Hello(157, 178), 178), (Hello(100, 157), 157), (Hello(100, 225), 178), (Hello(100, 151), 151)],
)
def test_the_newest_version_that_both_speak_is_announced(announced, version):
    assert negotiate(announced) == version


@pytest.mark.parametrize("announced", [Hello(100, 150), Hello(179, 225), Hello(170, 160)])
def test_without_a_common_version_there_is_no_conversation(announced):
    with pytest.raises(WireError, match="speaks versions"):
        negotiate(announced)


@pytest.mark.parametrize(
    "data",
    [
        b"62\0",  # the old protocol
        b"GET / HTTP/1.1\r\n",
        b"API\0" + b"\0\0\0\x04vABC",
        b"API\0" + b"\xff\xff\xff\xff",
        HELLO + b"\0\0\0\0",
        HELLO + (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        HELLO + b"\0\0\0\x02" + b"49",  # the last field has no end
        HELLO + b"\0\0\0\x02" + b"\xff\0",  # not text
    ],
)
def test_what_is_not_the_protocol_is_refused(data):
    with pytest.raises(WireError):
        Receiver().feed(data)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_waited_for_but_never_crashes(noise):
    receiver = Receiver()
    receiver.feed(HELLO)
    try:
        frames = receiver.feed(noise)
    except WireError:
        return
    assert all(isinstance(fields, list) for fields in frames)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100"),
        (300, "300"),
        (0.0001, "0.0001"),
        (1e-05, "0.00001"),
        (1e21, "1" + "0" * 21),
        (-0.0, "0"),
        (None, ""),
        (12.50, "12.5"),
    ],
)
def test_numbers_have_no_exponent_and_no_needless_zeros(value, text):
    assert number(value) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_a_decimal_survives_the_wire_exactly(value):
    assert decimal(number(value), "price") == value


@pytest.mark.parametrize("text", ["", "1.7976931348623157E308", "2147483647"])
def test_every_spelling_of_unset_is_read_as_unset(text):
    assert decimal(text, "price") is None
    assert integer(text, "count") == 0


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "12a", "1_000x", "9" * 50, "--1"])
def test_a_number_that_is_none_is_refused_by_name(text):
    with pytest.raises(WireError, match="lmtPrice"):
        decimal(text, "lmtPrice")

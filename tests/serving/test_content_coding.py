import gzip

import brotli
import pytest
import zstandard

from feeds.serving.content_coding import ENCODERS, IDENTITY, choose


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "zstd"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip;q=0.5, zstd;q=0.8, br;q=0.8", "br"),
        ("br;q=0.001", "br"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"),
        ("gzip;q=0, *", "br"),
        ("identity", "identity"),
        ("identity, gzip", "gzip"),
        ("identity;q=1, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.4, *;q=0.1", "identity"),
        ("identity;q=0, gzip", "gzip"),
        ("identity;q=0, *", "br"),
        ("identity;q=0", None),
        ("IDENTITY;q=0", None),
        ("*;q=0", None),
        ("*;q=0, gzip", "gzip"),
        ("*;q=0, identity", "identity"),
        ("*;q=0, identity;q=0.1", "identity"),
        ("deflate, identity;q=0", None),
        ("deflate", "identity"),
        ("x-gzip", "identity"),
        ("compress, x-nothing", "identity"),
        ("gzip;q=2, br;q=-1", "identity"),
        (", ,;;==,", "identity"),
        ("\x00\xff", "identity"),
        ('"gzip', "identity"),
        ("gzip" * 1000, "identity"),
        ("gzip ; q=0.5 ,br; q=0.4", "gzip"),
    ],
)
def test_each_header_gets_the_coding_it_likes_best(header: str | None, coding: str | None) -> None:
    assert choose(header) == coding


DECODERS = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 100])
def test_each_coding_is_decoded_to_the_same_bytes(coding: str, body: bytes) -> None:
    assert DECODERS[coding](ENCODERS[coding](body)) == body


@pytest.mark.parametrize("coding", ENCODERS)
def test_each_coding_is_smaller_and_the_same_every_time(coding: str) -> None:
    body = b"<entry>the same words again and again</entry>" * 100
    encoded = ENCODERS[coding](body)
    assert len(encoded) < len(body) / 10
    assert ENCODERS[coding](body) == encoded


def test_identity_needs_no_encoder() -> None:
    assert IDENTITY not in ENCODERS

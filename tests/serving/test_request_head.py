import pytest
from gunicorn.http.errors import ParseException

from feeds.serving.request_head import Head, HeadParser

LINE = b"GET /rss.xml HTTP/1.1\r\n"
REFUSED = {
    "folded line": LINE + b"X-A: b\r\n c\r\n\r\n",
    "folded first line": LINE + b" X-A: b\r\n\r\n",
    "space before the colon": LINE + b"X-A : b\r\n\r\n",
    "no colon": LINE + b"X-A\r\n\r\n",
    "no name": LINE + b": b\r\n\r\n",
    "name that is no token": LINE + b"X(A): b\r\n\r\n",
    "bare LF": b"GET /rss.xml HTTP/1.1\nX-A: b\r\n\r\n",
    "bare LF after a field": LINE + b"X-A: b\nX-C: d\r\n\r\n",
    "bare CR": LINE + b"X-A: b\rc\r\n\r\n",
    "control character": LINE + b"X-A: \x01\r\n\r\n",
    "transfer coding": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "transfer coding of a GET": LINE + b"Transfer-Encoding: chunked\r\n\r\n",
    "coding that is none": LINE + b"Transfer-Encoding: identity\r\n\r\n",
    "body of a GET": LINE + b"Content-Length: 5\r\n\r\n",
    "body of a HEAD": b"HEAD / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "list of lengths": b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
    "length with a sign": b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
    "unknown method": b"FETCH / HTTP/1.1\r\n\r\n",
    "small letters": b"get / HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\n\r\n",
    "space at the end": b"GET / HTTP/1.1 \r\n\r\n",
    "tab": b"GET\t/ HTTP/1.1\r\n\r\n",
    "other protocol": b"GET / ICE/1.0\r\n\r\n",
    "byte that isn't ASCII": b"GET /\xff HTTP/1.1\r\n\r\n",
    "nothing": b"\r\n\r\n",
}
NOT_PLAIN = {
    "field twice": b"Accept: a\r\nAccept: b\r\n",
    "name that CGI takes for another": b"X-A: b\r\nX_A: c\r\n",
    "expectation": b"Expect: 100-continue\r\n",
    "upgrade": b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "other connection": b"Connection: close, TE\r\n",
    "empty body": b"Content-Length: 0\r\n",
    "many fields": b"".join(b"X-%d: a\r\n" % n for n in range(9)),
    "long field": b"X-A: " + b"a" * 300 + b"\r\n",
}


@pytest.fixture
def parser() -> HeadParser:
    return HeadParser(300, 8)


def test_a_head_is_a_method_a_target_and_fields(parser: HeadParser) -> None:
    fields = b"Host: x\r\naccept-encoding: \tgzip \r\nX-Empty:\r\nUser-Agent: caf\xe9\r\n\r\n"
    assert parser.read(b"HEAD /rss.xml?page=%ff HTTP/1.1\r\n" + fields) == Head(
        {
            "REQUEST_METHOD": "HEAD",
            "HTTP_HOST": "x",
            "HTTP_ACCEPT_ENCODING": "gzip",
            "HTTP_X_EMPTY": "",
            "HTTP_USER_AGENT": "caf\xe9",
        },
        "/rss.xml?page=%ff",
        is_1_1=True,
        keeps_alive=True,
        is_plain=True,
        has_body=False,
    )


@pytest.mark.parametrize(
    ("version", "connection", "keeps_alive"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: Keep-Alive\r\n", True),
        ("1.0", "", False),
        ("1.0", "Connection: Close\r\n", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_a_connection_goes_on_as_the_client_says(
    parser: HeadParser, version: str, connection: str, keeps_alive: bool
) -> None:
    found = parser.read(f"GET / HTTP/{version}\r\n{connection}\r\n".encode())
    assert (found.keeps_alive, found.is_1_1) == (keeps_alive, version == "1.1")
    assert found.is_plain


@pytest.mark.parametrize("head", REFUSED.values(), ids=REFUSED)
def test_what_others_may_read_otherwise_is_refused_and_leaves_nothing_behind(
    parser: HeadParser, head: bytes
) -> None:
    expected = parser.read(LINE + b"Connection: close\r\n\r\n")
    with pytest.raises(ParseException):
        parser.read(head)
    assert parser.read(LINE + b"Connection: close\r\n\r\n") == expected


@pytest.mark.parametrize("fields", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_may_mean_more_is_not_plain(parser: HeadParser, fields: bytes) -> None:
    assert parser.read(LINE + b"\r\n").is_plain
    found = parser.read(LINE + fields + b"\r\n")
    assert (found.is_plain, found.target, found.has_body) == (False, "/rss.xml", False)


def test_a_body_is_not_read(parser: HeadParser) -> None:
    assert parser.read(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n").has_body
    assert not parser.read(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").has_body
    assert not parser.read(b"CONNECT x.example:443 HTTP/1.1\r\n\r\n").has_body

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from feeds import sanitize

PAGE = "https://example.com/news/story"
REL = 'rel="noopener noreferrer"'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a&#8217;b", "a’b"),
        ("&amp;amp; &amp;lt;b&amp;gt;", "&amp; &lt;b&gt;"),
        ("&lt;b&gt; AT&T", "<b> AT&T"),
        ("  a \r\n\t b&nbsp;", "a b"),
        ("a\x00\x08\x0b\x1f\x7fb", "ab"),
        ("a&#1;&#x1f;b", "ab"),
        ("&#133;", "…"),
        ("a\u202eb\u2066c&#x202e;d", "abcd"),
        ("a\ud800b&#xD800;&#0;&#8;", "ab"),
        ("\ufffe\uffff\ufdd0\U0001fffe", ""),
        ("zero\u200dwidth\u200f 😀", "zero\u200dwidth\u200f 😀"),
        ("", ""),
    ],
)
def test_plain_text_has_its_entities_unescaped_once_and_nothing_odd(
    source: str, expected: str
) -> None:
    assert sanitize.plain(source) == expected


_ANY = st.text(alphabet=st.characters())  # lone surrogates too
_ENTITIES = st.integers(0, 0x110000).map(lambda code: f"&#{code};")


@given(st.lists(st.one_of(_ANY, _ENTITIES)).map("".join))
def test_plain_text_is_always_legal_in_xml(source: str) -> None:
    plain = sanitize.plain(source)
    element = etree.Element("a")
    element.text = plain
    assert etree.fromstring(etree.tostring(element)).text == (plain or None)
    assert "\n" not in plain


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("?a=1&#038;b=2&amp;c=3&#x26;d=4", "?a=1&b=2&c=3&d=4"),
        ("?a=1&amp;amp;b=2", "?a=1&amp;b=2"),
        ("?a=1&timestamp=2&region=3&copy=4&lt=5", "?a=1&timestamp=2&region=3&copy=4&lt=5"),
    ],
)
def test_a_parameter_of_a_url_is_no_entity(url: str, expected: str) -> None:
    assert sanitize.unescape_url(url) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>a<b>b", "<p>a<b>b</b></p>"),
        ("<!-- a -->b", "b"),
        # A parser drops the first line feed of each of these.
        ("<pre>\n\n  a\n\nb</pre>", "<pre>\n\n  a\n\nb</pre>"),
        ("<pre lang='de'>\n\na</pre><pre>\na</pre>", '<pre lang="de">\n\na</pre><pre>a</pre>'),
        # Nothing runs, loads, frames or submits.
        ("<script>alert(1)</script>a", "a"),
        ("<SCRIPT SRC=//example.org/a.js></SCRIPT>a", "a"),
        ("<style>p { color: red }</style>a", "a"),
        ("<iframe src=//example.org/></iframe>a", "a"),
        ("<svg><script>alert(1)</script></svg>a", "a"),
        ("<form action=/a><input name=b><button>c</button></form>a", "a"),
        ("<base href=//example.org/>a", "a"),
        ("<meta http-equiv=refresh content='0;url=//example.org/'>a", "a"),
        ("<p onclick=alert(1) style='color: red' class=a id=b>a</p>", "<p>a</p>"),
        ("<img src=a.png onerror=alert(1)>", '<img src="https://example.com/news/a.png">'),
        ("<img srcset='a.png 2x' src=b.png>", '<img src="https://example.com/news/b.png">'),
        ("<a href='javascript:alert(1)'>a</a>", f"<a {REL}>a</a>"),
        ("<a href='JaVa&#x73;cript:alert(1)'>a</a>", f"<a {REL}>a</a>"),
        ("<a href='java&#10;script:alert(1)'>a</a>", f"<a {REL}>a</a>"),
        ("<a href='&#1;javascript:alert(1)'>a</a>", f"<a {REL}>a</a>"),
        ("<a href='https://user:secret@example.com/'>a</a>", f"<a {REL}>a</a>"),
        ("<a href='ftp://example.com/'>a</a>", f"<a {REL}>a</a>"),
        ("<img src='data:image/png;base64,AAAA'>", "<img>"),
        ("<img src='javascript:alert(1)'>", "<img>"),
        ("<img src='mailto:desk@example.com'>", "<img>"),
        # Control characters, also behind entities.
        ("a&#1;b&#x202e;c", "abc"),
        ("<p title='a&#1;b'>c</p>", '<p title="ab">c</p>'),
        # URLs are absolute.
        ("<a href='/a b'>a</a>", f'<a href="https://example.com/a%20b" {REL}>a</a>'),
        ("<a href='//example.org'>a</a>", f'<a href="https://example.org/" {REL}>a</a>'),
        ("<a href='#a'>a</a>", f'<a href="https://example.com/news/story#a" {REL}>a</a>'),
        ("<q cite='../a'>a</q>", '<q cite="https://example.com/a">a</q>'),
        (
            "<a href='mailto:desk@example.com?subject=a%20b'>a</a>",
            f'<a href="mailto:desk@example.com?subject=a%20b" {REL}>a</a>',
        ),
        ("<a href='mailto:desk@example.com&#10;a: b'>a</a>", f"<a {REL}>a</a>"),
        ("<a href='//['>a</a>", f"<a {REL}>a</a>"),
    ],
)
def test_html_is_sanitised_and_its_urls_made_absolute(source: str, expected: str) -> None:
    assert sanitize.sanitise(source, PAGE) == expected


_MARKUP = [
    "<p>", "</p>", "<a href=", "<img src=", "<script>", "</script>", "<style>", "<svg>",
    "<iframe src=", "<table>", "<td", "<form>", "<math>", "<title>", "<noscript>", "<!--", "-->",
    "<![CDATA[", "]]>", "<?", " onclick=", " style=", " title=", "'", '"', ">", "/", "[", " ",
    "\n", "javascript:", "data:", "mailto:", "https://", "//", "&#1;", "&#10;", "&#x3c;", "&lt;",
    "&", "alert(1)", "[a](", ")", "![", "**", "`", "# ",
]  # fmt: skip
_PIECES = st.sampled_from(_MARKUP)
_ANYTHING = st.text(alphabet=st.characters(), max_size=4)
_SOUP = st.lists(st.one_of(_PIECES, _ANYTHING)).map("".join)


@given(_SOUP, st.booleans())
def test_no_soup_gets_anything_unsafe_through(source: str, markdown: bool) -> None:
    safe = sanitize.body(source, PAGE, markdown=markdown)
    assert sanitize.strip_forbidden(safe) == safe
    for element in html.fragment_fromstring(safe, create_parent=True).iter(etree.Element):
        assert element.tag not in {"script", "style", "iframe", "object", "svg", "math", "form"}
        for name, value in element.items():
            assert name in {"title", "href", "src", "rel", "colspan", "rowspan"}
            if name in {"href", "src"}:
                assert re.match(r"https?://[^\s]+\Z|mailto:[!-~]+\Z", value)


@given(_SOUP)
def test_sanitised_html_is_sanitised(source: str) -> None:
    once = sanitize.body(source, PAGE, markdown=False)
    assert sanitize.body(once, PAGE, markdown=False) == once


@pytest.mark.parametrize(
    ("source", "markdown", "expected"),
    [
        ("", True, ""),
        (" \n\x00", True, ""),
        ("A *b*", True, "<p>A <em>b</em></p>"),
        ("A *b*", False, "A *b*"),
        ("<p>A *b*</p>", True, "<p>A *b*</p>"),
        ("A\n\n<b>c</b>\n", True, "<p>A</p>\n<p><b>c</b></p>"),
        ("A <script>alert(1)</script>", True, "<p>A </p>"),
        ("[a](/b)", True, f'<p><a href="https://example.com/b" {REL}>a</a></p>'),
        ("[a](javascript:alert(1))", True, "<p>[a](javascript:alert(1))</p>"),
        ("~~a~~", True, "<p><s>a</s></p>"),
    ],
)
def test_a_body_is_markdown_unless_it_begins_with_a_tag(
    source: str, markdown: bool, expected: str
) -> None:
    assert sanitize.body(source, PAGE, markdown=markdown) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ""),
        ("<p>a</p>", ""),
        ("<iframe></iframe>", ""),
        ('<div><IFRAME width=1 SRC="/v?a=1&amp;b=2"></IFRAME></div>', "/v?a=1&b=2"),
        ("<iframe></iframe><iframe src=a></iframe><iframe src=b></iframe>", "a"),
        ("<iframe src=a></iframe><![b[", "a"),
        ("<iframe", ""),
    ],
)
def test_the_frame_of_a_video_is_found(source: str, expected: str) -> None:
    assert sanitize.frame_source(source) == expected


@given(_SOUP)
def test_no_soup_breaks_the_search_for_a_frame(source: str) -> None:
    assert isinstance(sanitize.frame_source(source), str)


def test_a_malformed_declaration_hides_no_earlier_frame() -> None:
    assert sanitize.frame_source("<iframe src=a></iframe><![b[ <iframe src=c>") == "a"

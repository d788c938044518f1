"""Bodies with the tags of site generators."""

import pytest

from feeds.records.template_tags import (
    wiki_tags,
    without_jsx,
    without_liquid,
    without_shortcodes,
    without_wiki,
)

VALUES = {"site.url": "https://example.org", "site.baseurl": "/log", "page.title": "Fog"}

LIQUID = {
    "Plain text.": "Plain text.",
    "One.\n\n{% include ad.html %}\n\nTwo.\n": "One.\n\n\nTwo.\n",
    "One.\n{% include ad.html %}\nTwo.\n": "One.\nTwo.\n",
    "A {{ page.title }} horn.": "A Fog horn.",
    "A {{ site.horns | size }} horn.\n\nNext.": "\nNext.",
    "See [the list]({% post_url 2024-01-01-x %}).": "See the list.",
    "![Horn]({{ page.image }})\n\nText.": "\n\nText.",
    "![Horn]({{ site.baseurl }}/horn.png)": "![Horn](/log/horn.png)",
    '![Horn]({{ "/horn.png" | relative_url }})': "![Horn](/log/horn.png)",
    '[Home]({{ "/" | absolute_url }})': "[Home](https://example.org/log/)",
    '![Horn]({{ "horn.png" | relative_url }})': "![Horn](/log/horn.png)",
    '[Fog]({{ "/fog/" | url }}), [it]({{ "fog/" | url }})': "[Fog](/log/fog/), [it](fog/)",
    '[Sea]({{ "https://sea.example/" | absolute_url }})': "[Sea](https://sea.example/)",
    '<img src="{{ page.image }}">Text.': "Text.",
    "{% raw %}{{ page.title }}{% endraw %}": "{{ page.title }}",
    "{% highlight ruby %}\nputs 1\n{% endhighlight %}": "\n```ruby\nputs 1\n```\n",
    "{% comment %}not{% endcomment %}shown": "shown",
    "A.\n\n{% if x %}\nB {% if y %}C{% endif %}\n{% endif %}\n\nD.": "A.\n\n\nD.",
    "{% note %}Mind the gap.{% endnote %}": "Mind the gap.",
    "{% assign x = 1 %}Text.": "Text.",
    "- one\n- {{ page.x }}\n- three\n": "- one\n- three\n",
    "{# a remark #}Text.": "Text.",
    "{#" + 600 * "x" + "#}{%- # a remark -%}Text.": "Text.",
    '{% include a.html b="' + 600 * "x" + '" %}\n\nText.': "\nText.",
    "# Fog {#fog}\n\nText.{# not #}": "# Fog {#fog}\n\nText.",
    "{#fog {{ never {% closed #": "{#fog {{ never {% closed #",
    "One {{ never closed": "One {{ never closed",
}
HUGO = {
    'Text.\n\n{{< figure src="x.png" >}}\n\nMore.': "Text.\n\n![](<x.png>)\n\nMore.",
    '{{< figure src="a b.png" alt="A [horn]" caption="*Low*" >}}': "![A horn](<a b.png>)\n\n*Low*",
    '{{< figure src="a>b" >}}\nText.': "Text.",
    '[tides]({{< ref "tides.md" >}}) rise.': "tides rise.",
    "{{< notice >}}Mind the gap.{{< /notice >}}": "Mind the gap.",
    '{{< quote "' + 600 * "x" + '" >}}\n\nText.': "\nText.",
    "{{% notice %}}Mind **the** gap.{{% /notice %}}": "Mind **the** gap.",
    "{{< highlight go >}}\nx := 1\n{{< /highlight >}}": "\n```go\nx := 1\n```\n",
    "Write {{</* figure */>}} so.": "Write {{< figure >}} so.",
    "{{ .Title }} is no shortcode.": "{{ .Title }} is no shortcode.",
}
MDX = {
    "import X from './x'\n\nText.": "Text.",
    "export const a = 1\n\nText.": "Text.",
    "export function f() {\n  return 'not';\n\n  // not {}\n}\n\nText.": "Text.",
    "import taxes are high.": "import taxes are high.",
    "Text.\n\n{/* not\n\nnot */}Text.{/* never closed\n\nnot": "Text.\n\nText.",
    "{/*" + 600 * "x" + "*/}Text.": "Text.",
    "`{/*` stays.": "`{/*` stays.",
    '<Card title="x">\nText.\n</Card>': "\nText.\n",
    "{/* a remark */}Text.": "Text.",
    "A {props.name} b.\n\nText.": "\nText.",
    "`{code}` stays.": "`{code}` stays.",
    "# Fog {#fog}\n\nText.": "# Fog\n\nText.",
    ":::note[Mind]\n\nThe gap.\n\n:::\n": "**Mind**\n\n\nThe gap.\n\n\n",
    ":::tip Mind\nThe gap.\n:::": "**Mind**\n\nThe gap.\n",
    (code := "```js\nimport x from 'y'\nconst a = {b: 1}\n```\n"): code,
}
WIKI = {
    "See [[Fog]], [[Sea/Fog|the fog]] and [[Fog\\|it]].": "See Fog, the fog and it.",
    "[[Fog#Horns]], [[#Horns]], [[Fog#^a1]]": "Fog > Horns, Horns, Fog",
    "One. ![[fog.png|200]]\n\n![[Fog]]\n": "One. \n\n\n",
    "Shown.%%not%% Shown.\n\n%%\nnot\n\nnot\n%%\nShown.": "Shown. Shown.\n\n\nShown.",
    "Shown. %%never closed\n\nnot": "Shown. ",
    "`[[code]] %%1%%` stays.": "`[[code]] %%1%%` stays.",
    "```js\na = [[1]] %% 2\n```\n[[Fog]]": "```js\na = [[1]] %% 2\n```\nFog",
    "  ~~~~\n[[1]]\n ~~~~\n[[Fog]] %%not%%": "  ~~~~\n[[1]]\n ~~~~\nFog ",
    "> [!note]- Mind\n> [[Fog]]\n": "> **Mind**\n> Fog\n",
    "> [!note]\n> Fog\n": "> \n> Fog\n",
    "Fog rises. ^a1-b\n\n2 ^3 4": "Fog rises.\n\n2 ^3 4",
    "```dataview\nLIST\n```\nFog.": "\nFog.",
    "[a](b.md) and [c]": "[a](b.md) and [c]",
}


@pytest.mark.parametrize(("body", "expected"), WIKI.items())
def test_notes_have_no_brackets(body: str, expected: str) -> None:
    assert without_wiki(body) == expected


@pytest.mark.parametrize(("body", "expected"), LIQUID.items())
def test_liquid_leaves_no_tag(body: str, expected: str) -> None:
    assert without_liquid(body, VALUES, []) == expected


@pytest.mark.parametrize(("body", "expected"), HUGO.items())
def test_shortcodes_leave_no_tag(body: str, expected: str) -> None:
    assert without_shortcodes(body, []) == expected


@pytest.mark.parametrize(("body", "expected"), MDX.items())
def test_mdx_leaves_no_tag(body: str, expected: str) -> None:
    assert without_jsx(body, []) == expected


@pytest.mark.parametrize(
    "part",
    [
        "{% a",
        "{{ a",
        "{#",
        "{% if %}",
        "{% a %}",
        "[",
        "[a](",
        '<A "',
        "{/*",
        "{{< a",
        "{{</* a",
        "```\n",
        "{a}",
        "[[",
        "[[a|",
        "![[",
        "`",
        "%%",
        "\n```",
        "\n> ",
        "> ",
        " ^a",
        ":::a ",
    ],
)
def test_a_hostile_body_takes_no_square_time(part: str) -> None:
    """100,000 characters each: with square time, minutes."""
    body = part * (100_000 // len(part))
    text = body + "\x00"
    shown = (
        without_liquid(text, VALUES, []),
        without_shortcodes(text, []),
        without_jsx(text, []),
        without_wiki(text),
    )
    assert all(len(one) <= len(body) + 3 for one in shown)


def test_what_leaves_a_hole_is_named() -> None:
    lost: list[str] = []
    body = "{% assign x = 1 %}{{ page.title }} {% include a.html %}{% if x %}no{% endif %}{{ y }}"
    without_liquid(body, VALUES, lost)
    assert lost == ["{% include a.html %}", "{% if x %}", "{{ y }}"]
    lost.clear()
    without_shortcodes("{{< notice >}}Mind.{{< /notice >}} {{</* a */>}} {{< tide >}}", lost)
    assert lost == ["{{< tide >}}"]
    lost.clear()
    without_jsx("{/* no */}A {props.name} b.", lost)
    assert lost == ["{props.name}"]


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ("#harbour and #Sea-wall, #q1_2026.", ["harbour", "Sea-wall", "q1_2026"]),
        ("#harbour/night #1984 #y1984 # no", ["harbour/night", "y1984"]),
        ("a#b [x](#part) https://x.example/#part `#code` %%#secret%%", []),
        ("```sh\n#!comment\n#comment\n```\n[[Note#part]] ![[#part]]", []),
        ("#größe\n> #quoted", ["größe", "quoted"]),
    ],
)
def test_tags_in_the_text_of_a_note(body: str, tags: list[str]) -> None:
    assert wiki_tags(body) == tags

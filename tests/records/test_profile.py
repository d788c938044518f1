from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.records.outcome import interpret
from feeds.records.profile import Profile, site_names

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"a.md": "---\ntitle: A\n---\n"}, {}),
        (
            {"_config.yml": "title: Mill &amp; sea\ndescription: >\n  Two\n  lines\nlang: de_DE\n"},
            {"title": "Mill & sea", "description": "Two lines", "language": "de-DE"},
        ),
        ({"_config.yml": "name: Mill\ndescription: ''\nlang: 'no language'\n"}, {"title": "Mill"}),
        (
            {"_config.yml": f"title: {'x' * 2000}\ndescription: \"a\\u202Eb\\a\"\n"},
            {"title": "x" * 1000, "description": "ab"},
        ),
        (
            {
                "hugo.toml": "baseURL='https://a.example'\ntitle='Mill'\nlanguageCode='en-gb'\n"
                "[params]\ndescription='Of a mill'\n",
                "content/a.md": "",
            },
            {"title": "Mill", "description": "Of a mill", "language": "en-gb"},
        ),
        (
            {
                "hugo.toml": "baseURL='https://a.example'\ntitle='Mill'\n"
                "defaultContentLanguage='fr'\n[languages.fr]\ntitle='Moulin'\n"
                "[languages.fr.params]\ndescription='Un moulin'\n",
                "content/a.md": "",
            },
            {"title": "Moulin", "description": "Un moulin", "language": "fr"},
        ),
        (
            {
                "eleventy.config.js": "",
                "_data/metadata.json": '{"title": "Mill", "description": "It", "language": "da"}',
            },
            {"title": "Mill", "description": "It", "language": "da"},
        ),
        (
            {
                "docusaurus.config.js": "const config = {\n  title: 'Mill',\n  tagline: 'Of it',\n"
                "  i18n: {\n    defaultLocale: 'pt-BR',\n  },\n};\n",
                "blog/a.md": "",
            },
            {"title": "Mill", "description": "Of it", "language": "pt-BR"},
        ),
        (
            {
                "astro.config.mjs": "export default {\n  site: 'https://mill.example/log',\n};\n",
                "src/content/blog/a.md": "",
            },
            {"title": "mill.example"},
        ),
    ],
)  # fmt: skip
def test_a_site_is_called_as_its_configuration_says(
    tmp_path: Path, files: dict[str, str], names: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert site_names(Profile("auto").options(tmp_path, NOW)) == names


@pytest.mark.parametrize("name", ["auto", "own", "table"])
@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("a.md", "live: true", ("public", "", False)),
        ("a.md", "live: 'no'", ("hidden", "live is not true", False)),
        ("a.md", "live: true\nlive: false", ("hidden", "live is not true", False)),
        ("a.md", "", ("hidden", "live is not true", False)),
        ("a.md", "type: [", ("error", "", True)),
        ("a.md", "live: true\ntype: [", ("error", "", False)),
        ("old/a.md", "live: true", ("other", "passed over by the profile", False)),
    ],
)
def test_what_a_profile_hides_and_passes_over_is_so_for_records_of_our_own_form(
    name: str, path: str, line: str, expected: tuple[str, str, bool], tmp_path: Path
) -> None:
    table = {"url": "https://example.org/{slug}/", "skip": ["old/*"], "public_if": "live"}
    options = Profile(name, table=table).options(tmp_path, NOW)
    data = f"---\ntitle: A\nwebUrl: https://example.com/a\n{line}\n---\n".encode()
    reading = interpret(path, data, b"", options)
    assert (reading.outcome, reading.reason, reading.hides) == expected

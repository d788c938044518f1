"""Folders of other tools: what each tool makes of a file, as its own site has it.

`page.Page` is what a tool makes of one file, `page.Site` what it needs to know
of the folder for that. A tool has one module: `jekyll`, `hugo`, `eleventy`;
those that differ in values alone are tables (`table`, `tool_sites`). `detect`
tells whose a folder is.
No program, template or script of a folder is ever run.
"""

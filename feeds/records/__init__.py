"""Bytes of a file -> a Record; no database.

For other rooms: `scanner.scan` (a folder -> its files), `pool.read_all` (files ->
`outcome.FileReading`s, on all processors), `parser.parse_record` (bytes -> Record).
Of the rest, `fields` reads a mapping field by field, `frontmatter` is YAML,
`simple_yaml` and `related_block` are its fast paths, with equal results, and
`related` has the rules of other coverage. `checking` tells what a load needn't know,
`fixing` writes it as it would be accepted. `wxr` reads WordPress exports.
"""
